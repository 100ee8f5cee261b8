package main

import (
	"net/url"
	"strconv"
)

type segmentPreviewCmd struct {
	Definition string `arg:"" help:"As in segment put."`
	Overlap    string `placeholder:"ID" complete:"segments" help:"Count how many are in this segment too."`
}

type previewAnswer struct {
	Size   int64  `json:"size"`
	Text   string `json:"text"`
	Funnel []struct {
		Condition string `json:"condition"`
		Size      int64  `json:"size"`
	} `json:"funnel"`
	Reach struct {
		Members    int64 `json:"members"`
		ValidPhone int64 `json:"valid_phone"`
		OptedIn    int64 `json:"opted_in"`
		Sendable   int64 `json:"sendable"`
	} `json:"reach"`
	Sample   []string  `json:"sample"`
	KeptDays int       `json:"kept_days"`
	Warnings []warning `json:"warnings"`
	Overlap  *struct {
		Segment   string `json:"segment"`
		Both      int64  `json:"both"`
		OnlyThis  int64  `json:"only_this"`
		OnlyOther int64  `json:"only_other"`
	} `json:"overlap"`
}

func (c *segmentPreviewCmd) Run(s *session) error {
	body, err := definitionBody(c.Definition)
	if err != nil {
		return err
	}
	path := "/v1/preview"
	if c.Overlap != "" {
		path += "?" + url.Values{"overlap": {c.Overlap}}.Encode()
	}
	return placed(c.Definition, call(s, "POST", path, body, func(p previewAnswer) { showPreview(s, p) }))
}

func showPreview(s *session, p previewAnswer) {
	s.warn(p.Warnings)
	s.printf("%s\n%s%d members, %d with a valid phone, %d opted in, %d sendable\n",
		formatted(p.Text), keptLine(p.KeptDays), p.Size, p.Reach.ValidPhone, p.Reach.OptedIn, p.Reach.Sendable)
	t := newTable(s, "LEFT", "AFTER")
	for _, step := range p.Funnel {
		t.row(strconv.FormatInt(step.Size, 10), step.Condition)
	}
	t.Flush()
	if o := p.Overlap; o != nil {
		s.printf("%d in segment %s too, %d only in this, %d only in %[2]s\n", o.Both, plain(o.Segment), o.OnlyThis, o.OnlyOther)
	}
	for _, contact := range p.Sample {
		s.printf("such as %s\n", plain(contact))
	}
}
