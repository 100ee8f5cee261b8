package consumers

import "encoding/binary"

// WithHeaders returns the record with these headers instead of its own, for
// whoever has records from elsewhere than a fetch.
func (r Record) WithHeaders(headers ...Header) Record {
	b := binary.AppendVarint(nil, int64(len(headers)))
	for _, h := range headers {
		b = append(binary.AppendVarint(b, int64(len(h.Key))), h.Key...)
		if h.Value == nil {
			b = binary.AppendVarint(b, -1)
			continue
		}
		b = append(binary.AppendVarint(b, int64(len(h.Value))), h.Value...)
	}
	r.headers = b
	return r
}
