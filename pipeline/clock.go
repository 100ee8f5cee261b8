package pipeline

import (
	"time"

	"rollcall/pipeline/segment"
)

const (
	earliest   = 946_684_800_000 // 2000-01-01T00:00:00Z, Unix ms
	maxAheadMS = 5 * 60 * 1000   // a producer's clock may be that far ahead of Kafka's
)

// parseTime reads RFC 3339 with a zone as Unix ms, truncated:
// YYYY-MM-DDThh:mm:ss, a fraction perhaps, and Z or an offset. It is exact from
// the year 1600 on; what is older is impossible anyway.
func parseTime(t []byte) (ms int64, ok bool) {
	if len(t) < 20 || t[4] != '-' || t[7] != '-' || t[10]|0x20 != 't' || t[13] != ':' || t[16] != ':' {
		return 0, false
	}
	d := digits{t: t, ok: true}
	year, month, day := d.read(0, 4), d.read(5, 2), d.read(8, 2)
	hour, minute, second := d.read(11, 2), d.read(14, 2), d.read(17, 2)
	if !d.ok || month < 1 || month > 12 || day < 1 || day > 28 && day > daysIn(year, month) ||
		hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	rest := t[19:]
	millis := int64(0)
	if rest[0] == '.' {
		n := 1
		for ; n < len(rest) && rest[n] >= '0' && rest[n] <= '9'; n++ {
			if n <= 3 {
				millis = millis*10 + int64(rest[n]-'0')
			}
		}
		if n == 1 {
			return 0, false
		}
		for i := n; i <= 3; i++ {
			millis *= 10
		}
		rest = rest[n:]
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return 0, false
	}
	seconds := int64(civil(year, month, day))*86400 + int64(hour*3600+minute*60+second) - offset
	return seconds*1000 + millis, true
}

func parseOffset(t []byte) (seconds int64, ok bool) {
	if len(t) == 1 && t[0]|0x20 == 'z' {
		return 0, true
	}
	if len(t) != 6 || t[0] != '+' && t[0] != '-' || t[3] != ':' {
		return 0, false
	}
	d := digits{t: t, ok: true}
	hour, minute := d.read(1, 2), d.read(4, 2)
	if !d.ok || hour > 23 || minute > 59 {
		return 0, false
	}
	seconds = int64(hour*3600 + minute*60)
	if t[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

type digits struct {
	t  []byte
	ok bool
}

func (d *digits) read(from, n int) int {
	v := 0
	for _, c := range d.t[from : from+n] {
		if c < '0' || c > '9' {
			d.ok = false
		}
		v = v*10 + int(c-'0')
	}
	return v
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// civil is the number of days from 1970-01-01 to a date of the Gregorian
// calendar (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
func civil(year, month, day int) segment.Date {
	if month <= 2 {
		year--
	}
	era := year / 400
	yoe := year - era*400
	doy := (153*((month+9)%12)+2)/5 + day - 1
	return segment.Date(era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468)
}
