package api

import (
	"bytes"
	"encoding/json"

	"github.com/danielgtaylor/huma/v2"

	"rollcall/pipeline/catalog"
	"rollcall/pipeline/segment"
)

// rawDefinition is a body that holds a definition in either form.
type rawDefinition struct{ json json.RawMessage }

func (b *rawDefinition) UnmarshalJSON(data []byte) error {
	b.json = bytes.Clone(data)
	return nil
}

// Schema implements huma.SchemaProvider.
func (b *rawDefinition) Schema(huma.Registry) *huma.Schema {
	text := func(description string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeString, Description: description}
	}
	object := func(description string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeObject, Description: description}
	}
	return &huma.Schema{
		Type:        huma.TypeObject,
		Description: "A definition: either text, or from and where.",
		Properties: map[string]*huma.Schema{
			"id":    text("the id in the path again, or nothing"),
			"name":  text("what people call the segment; default: the name it has, or its id"),
			"text":  text(`such as: all contacts where opted in and clicked in last 30 days`),
			"from":  object(`such as: {"all_contacts": true}`),
			"where": object(`such as: {"clicked": {"last_days": 30}}; none: everybody in the origin`),
		},
	}
}

// definition is what a rawDefinition says.
type definition struct {
	segment.Definition
	id, name string // empty: not given
}

// parse reads either form under the limits of an account.
func (b rawDefinition) parse(a *catalog.Account) (d definition, err error) {
	var form struct {
		ID   string  `json:"id"`
		Name string  `json:"name"`
		Text *string `json:"text"`
	}
	if err := json.Unmarshal(b.json, &form); err != nil {
		return d, problem("invalid", "expected an object with text, or with from and where: %v", err)
	}
	d.id, d.name = form.ID, form.Name
	limits := segment.Limits{RetentionDays: a.RetentionDays}
	if form.Text == nil {
		d.Definition, err = limits.ParseJSON(b.json, "id", "name")
		return d, err
	}
	strict := json.NewDecoder(bytes.NewReader(b.json))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&form); err != nil {
		return d, problem("invalid", "beside text there may be id and name: %v", err)
	}
	d.Definition, err = limits.Parse(*form.Text)
	return d, err
}

// keptDays is over how many days a definition reaches that says ever, or before
// some day; 0 if it says neither.
func keptDays(account *catalog.Account, d segment.Definition) int {
	if !d.ReachesBack() {
		return 0
	}
	return account.RetentionDays
}

// jsonForm is a definition's JSON form in its parts.
type jsonForm struct {
	From  json.RawMessage `json:"from"`
	Where json.RawMessage `json:"where,omitempty"`
}

func jsonFormOf(d segment.Definition) (form jsonForm, err error) {
	data, err := json.Marshal(d)
	if err != nil {
		return form, err
	}
	err = json.Unmarshal(data, &form)
	return form, err
}
