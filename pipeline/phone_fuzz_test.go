package pipeline

import "testing"

// FuzzPhone holds the short way to read phones against the library. Numbers that
// differ in their last digits come first, so that what is remembered of an
// exchange is put to the test too.
func FuzzPhone(f *testing.F) {
	for i, phone := range []string{"+12015550123", "(212) 555-0123", "212.555.0123", "+1 (305) 555-0123", "+1-876-555-0123",
		"2", "+4915112345678", "+1 200 555 0123", "tel:+12015550123;ext=7", "(201)5550123", "１２０１５５５０１２３", "+1201555012３"} {
		f.Add(phone, []string{"US", "CA", "", "PR", "DE", "us", "ZZ"}[i%7])
	}
	f.Fuzz(func(t *testing.T, phone, region string) {
		var p phones
		for _, last := range "09" {
			if n := len(phone); n > 0 && phone[n-1] >= '0' && phone[n-1] <= '9' {
				checkPhone(t, &p, phone[:n-1]+string(last), region)
			}
		}
		checkPhone(t, &p, phone, region)
	})
}
