package consumers

import (
	"reflect"
	"testing"
)

func TestRecordWithHeaders(t *testing.T) {
	for _, headers := range [][]Header{nil, {{"a", []byte("1")}}, {{"", []byte{}}, {"none", nil}, {"a", make([]byte, 300)}}} {
		r := Record{}.WithHeaders(headers...)
		if got := r.Headers(); !reflect.DeepEqual(got, headers) || !validHeaders(r.headers, 0) {
			t.Errorf("got %v, want %v", got, headers)
		}
	}
}
