package segment_test

import (
	"fmt"

	"rollcall/pipeline/segment"
)

func ExampleParse() {
	d, err := segment.Parse(`ALL CONTACTS WHERE (opted in) AND clicked at least 1 time in last 30 days`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d)
	data, err := d.MarshalJSON()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", data)
	// Output:
	// all contacts where opted in and clicked in last 30 days
	// {"from":{"all_contacts":true},"where":{"all":[{"opted_in":true},{"clicked":{"last_days":30}}]}}
}

func ExampleError() {
	_, err := segment.Parse(`list "spring-sale" where clickd in last 7 days`)
	fmt.Println(err)
	_, err = segment.ParseJSON([]byte(`{"from":{"list":"spring-sale"},"where":{"clicked":{"last_days":0}}}`))
	fmt.Println(err)
	// Output:
	// line 1, column 26: expected a condition, such as "opted in", "opted out", "valid phone" or "phone in", found "clickd"; did you mean "clicked"?
	// where.clicked.last_days: expected a number of days from 1 to 10,000, found "0"
}
