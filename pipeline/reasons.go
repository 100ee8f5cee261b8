package pipeline

// fewestPhoneDigits is how many digits in a text are taken for a phone number: codes
// of providers have less.
const fewestPhoneDigits = 7

// appendWithoutPhones appends a text with a # in place of what may be a phone
// number, as some providers put it into the reason of a failure: digits with no
// more than plain punctuation between them.
func appendWithoutPhones(dst, text []byte) []byte {
	for len(text) > 0 {
		n, digits := leadingDigits(text)
		if digits >= fewestPhoneDigits {
			dst = append(dst, '#')
		} else {
			n = max(n, 1)
			dst = append(dst, text[:n]...)
		}
		text = text[n:]
	}
	return dst
}

// leadingDigits is how many bytes it is from the first digit to the last of
// those that a text begins with, and how many digits that is.
func leadingDigits(text []byte) (n, digits int) {
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			n, digits = i+1, digits+1
		case digits == 0 || c != ' ' && c != '-' && c != '.' && c != '(' && c != ')' && c != '/':
			return n, digits
		}
	}
	return n, digits
}
