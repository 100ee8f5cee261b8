package segment

import "testing"

func FuzzParse(f *testing.F) {
	for _, form := range forms {
		f.Add(form.text)
	}
	f.Add("list \"\\ud83d\\ude00\" where not (not ((sent)) or phone in us) and sent ever")
	f.Fuzz(func(t *testing.T, text string) { checkText(t, text) })
}

func FuzzParseJSON(f *testing.F) {
	for _, form := range forms {
		f.Add([]byte(form.json))
	}
	f.Add([]byte(whereJSON(`{"all":[{"any":[{"opted_in":false}]},{"phone_in":["us"]}]}`)))
	f.Fuzz(func(t *testing.T, data []byte) { checkJSON(t, data) })
}
