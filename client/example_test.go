package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"rollcall/client"
)

// exampleServer has the segment a with ann and bob, who has opted out.
func exampleServer() (url, token string, stop func()) {
	s, stop := startServer()
	s.state.change(func() {
		s.state.put("a", true, "ann", "bob", "cem")
		s.state.put("a", false, "bob")
	})
	return s.URL, s.token, stop
}

func Example() {
	url, token, stop := exampleServer()
	defer stop()
	ctx := context.Background()

	c := client.New(client.Config{URL: url, Token: token})
	for _, contact := range []string{"ann", "bob"} {
		m, err := c.Check(ctx, "a", contact)
		if errors.Is(err, client.ErrNotFresh) {
			fmt.Println("not now:", err) // nobody is sent to
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.Contact, m.Sendable)
	}
	// Output:
	// ann true
	// bob false
}

func ExampleClient_Recipients() {
	url, token, stop := exampleServer()
	defer stop()

	c := client.New(client.Config{URL: url, Token: token})
	list := c.Recipients(context.Background(), "a", client.Slice{Part: 1, Of: 1})
	defer list.Close()
	for list.Next() {
		fmt.Println(list.Contact())
	}
	if err := list.Err(); err != nil {
		log.Fatal(err) // it is not whole
	}
	fmt.Println(list.Count(), "in all")
	// Output:
	// ann
	// cem
	// 2 in all
}

func ExampleClient_Sizes() {
	url, token, stop := exampleServer()
	defer stop()

	c := client.New(client.Config{URL: url, Token: token})
	for size, err := range c.Sizes(context.Background(), "a") {
		if err != nil {
			log.Fatal(err)
		}
		if size.Size != nil {
			fmt.Println(size.Segment, *size.Size)
		}
		break // or go on for as long as it is to be shown
	}
	// Output:
	// a 2
}

func ExampleView() {
	url, token, stop := exampleServer()
	defer stop()
	ctx := context.Background()

	c := client.New(client.Config{URL: url, Token: token})
	view := c.NewView(ctx, client.ViewConfig{Segments: []string{"a", "b"}})
	defer view.Close()
	if err := view.Wait(ctx); err != nil {
		log.Fatal(err)
	}
	a := view.Segment("a")
	for _, contact := range []string{"ann", "bob"} {
		switch ok, err := a.Contains(contact); {
		case err != nil:
			fmt.Println("not now:", err)
		case ok:
			fmt.Println("send to", contact)
		default:
			fmt.Println("leave out", contact)
		}
	}
	// Output:
	// send to ann
	// leave out bob
}
