package segment

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestFormat(t *testing.T) {
	d, err := Parse(`all contacts where opted in and (clicked in last 30 days or replied any of messages "spring", "summer" in last 60 days or ` +
		`in list "friends") and not (phone in US, CA and sent at least 3 times in last 7 days and valid phone)`)
	if err != nil {
		t.Fatal(err)
	}
	const want = `all contacts
where opted in
  and (clicked in last 30 days
    or replied any of messages "spring", "summer" in last 60 days
    or in list "friends")
  and not (phone in US, CA
    and sent at least 3 times in last 7 days
    and valid phone)`
	if got := d.Format(70); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := d.Format(1000); got != d.Text() {
		t.Errorf("what fits is written as\n%s", got)
	}
}

func TestFormatIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := definitions(t)
		text := d.Format(rapid.IntRange(0, 120).Draw(t, "width"))
		if parsed, err := Parse(text); err != nil || !reflect.DeepEqual(parsed, d.Normalise()) {
			t.Fatalf("%s\n got %#v, %v\nwant %#v", text, parsed, err, d.Normalise())
		}
	})
}
