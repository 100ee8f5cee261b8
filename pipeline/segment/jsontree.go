package segment

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// node is a JSON value. Unlike what encoding/json decodes into, it keeps the
// fields of an object in their order, and no field stands twice.
type node struct {
	kind   nodeKind
	text   string // of a string what it means, of a number its digits
	truth  bool
	items  []node
	fields []jsonField
}

type jsonField struct {
	name  string
	value node
}

type nodeKind uint8

const (
	nullNode nodeKind = iota
	boolNode
	numberNode
	stringNode
	arrayNode
	objectNode
)

// found is the node as an error shows it.
func (n node) found() string {
	switch n.kind {
	case nullNode:
		return "null"
	case boolNode:
		if n.truth {
			return "true"
		}
		return "false"
	case numberNode:
		return cut(n.text)
	case stringNode:
		return "the string " + quote(n.text)
	case arrayNode:
		return "an array"
	default:
		return "an object"
	}
}

// maxJSONDepth bounds the nesting of objects and arrays: two for each
// condition, and a few around and inside.
const maxJSONDepth = 2*MaxDepth + 8

// parseTree reads a JSON document.
func parseTree(data []byte) (node, *Error) {
	if e := firstError(checkBytes(len(data), MaxJSONBytes), checkUTF8(string(data)), checkSyntax(data)); e != nil {
		return node{}, e
	}
	t := treeReader{data: data, decoder: json.NewDecoder(bytes.NewReader(data))}
	t.decoder.UseNumber()
	root := t.value("", 0)
	return root, t.err
}

func checkSyntax(data []byte) *Error {
	var document json.RawMessage
	err := json.Unmarshal(data, &document)
	if err == nil {
		return nil
	}
	at := len(data)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && !strings.Contains(err.Error(), "unexpected end") {
		at = max(0, int(syntax.Offset)-1)
	}
	e := &Error{Expected: "JSON", Found: "the end", Reason: "malformed JSON: " + err.Error()}
	if at < len(data) {
		e.Found = quote(firstRunes(string(data[at:]), 1))
	}
	return e.in(string(data), at)
}

// treeReader builds nodes from the tokens of JSON whose syntax was checked.
type treeReader struct {
	data    []byte
	decoder *json.Decoder
	err     *Error
}

// next is the next token and how it is written.
func (t *treeReader) next() (json.Token, string) {
	from := t.decoder.InputOffset()
	token, err := t.decoder.Token()
	if err != nil && t.err == nil {
		t.err = &Error{Expected: "JSON", Found: "something else", Reason: "malformed JSON: " + err.Error()}
	}
	written := t.data[from:t.decoder.InputOffset()]
	return token, strings.TrimLeft(string(written), " \t\r\n,:")
}

func (t *treeReader) value(path string, depth int) node {
	token, written := t.next()
	switch token := token.(type) {
	case json.Delim:
		if depth++; depth > maxJSONDepth {
			t.fail(path, depthError())
			return node{}
		}
		if token == '[' {
			return t.array(path, depth)
		}
		return t.object(path, depth)
	case string:
		return node{kind: stringNode, text: t.unquoted(path, written)}
	case json.Number:
		return node{kind: numberNode, text: token.String()}
	case bool:
		return node{kind: boolNode, truth: token}
	default:
		return node{}
	}
}

func (t *treeReader) array(path string, depth int) node {
	n := node{kind: arrayNode}
	for t.more() {
		n.items = append(n.items, t.value(item(path, len(n.items)), depth))
	}
	t.next()
	return n
}

func (t *treeReader) object(path string, depth int) node {
	n := node{kind: objectNode}
	seen := map[string]bool{}
	for t.more() {
		_, written := t.next()
		name := t.unquoted(path, written)
		at := field(path, name)
		if seen[name] {
			t.fail(at, &Error{Expected: "each field once", Found: "a second " + quote(name)})
		}
		seen[name] = true
		n.fields = append(n.fields, jsonField{name, t.value(at, depth)})
	}
	t.next()
	return n
}

func (t *treeReader) more() bool { return t.err == nil && t.decoder.More() }

// unquoted reads a string as strictly as the text form does.
func (t *treeReader) unquoted(path, written string) string {
	value, _, e := unquote(written)
	if e != nil {
		t.fail(path, e)
	}
	return value
}

func (t *treeReader) fail(path string, e *Error) {
	if t.err == nil {
		t.err = e.at(path)
	}
}
