package pipeline

import "testing"

// FuzzPhone holds the short way to read phones against the library. Numbers that
// differ in their last digit come first, so that what is remembered of digits
// is put to the test too.
func FuzzPhone(f *testing.F) {
	for i, phone := range []string{"+12015550123", "(212) 555-0123", "212.555.0123", "+1 (305) 555-0123", "+1-876-555-0123",
		"2", "+4915112345678", "+1 200 555 0123", "tel:+12015550123;ext=7", "(201)5550123", "１２０１５５５０１２３", "+1201555012３",
		"0151/23456789", "(030) 12 34 56-78", "+39 06 1234 5678", "011 4123-4567", "0 11 96123 4567", "+54 9 11 2345-6789", "+800 1234 5678",
		"0412 345 678", "8 912 345-67-89", "0049 151 2345678", "+52 1 33 1234 5678", "49151234567", "+44 (0)7400 123456", "+290 22158",
		"n/a", "", "1", "12", "+999 12345678", "+801 12345678", "+1000123456789012345", "tel:1;phone-context=+44"} {
		f.Add(phone, []string{"US", "CA", "", "PR", "DE", "us", "ZZ", "AR", "BR", "IT", "AU", "RU", "AG", "MX"}[i%14])
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
