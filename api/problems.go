package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// problemsPath precedes the name of a problem in its type, which is thereby
// the address of its documentation.
const problemsPath = "/problems/"

type problemKind struct {
	status int
	title  string
	doc    string
}

var kinds = map[string]problemKind{
	"bad-request": {400, "The request can't be read",
		"The body is not JSON, or a parameter has no meaning. Sending the same again will not help."},
	"unauthorized": {401, "A token is needed",
		"Send Authorization: Bearer TOKEN. The token given, if any, is not known: it may have been revoked."},
	"forbidden": {403, "The token does not allow this",
		"Changing things takes a token of scope write; accounts take the operator's token."},
	"cross-origin": {403, "Another site's page sent this request",
		"A browser sent this request on behalf of a page that the server did not deliver. Programs other than browsers are not concerned."},
	"not-found": {404, "There is no such thing",
		"The account that the token opens has nothing of this name."},
	"method-not-allowed": {405, "The path does not take this method",
		"The header Allow names the methods that it takes."},
	"conflict": {409, "It exists already",
		"The id is taken. Ids of accounts are not used a second time, even after the account was deleted."},
	"in-use": {409, "Other segments stand on this one",
		"The field segments names them. Change or delete them first."},
	"cursor-gone": {410, "The cursor is no longer valid",
		"The state was rebuilt since the cursor was made, so that going on might leave contacts out or repeat them; or, of changes, what followed it is no longer kept. Start again without a cursor."},
	"snapshot-not-ready": {409, "The frozen list is not whole",
		"It is being written, or that has failed: its state says which. One that failed never becomes whole; freeze anew."},
	"version-mismatch": {412, "Somebody else changed the segment",
		"The version in If-Match is not the newest. Read the segment again and decide anew."},
	"too-large": {413, "The body is too large",
		"The detail names the limit. A check takes up to 10,000 contacts: send several."},
	"unsupported-media-type": {415, "The body is of another type",
		"Send Content-Type: application/json, or text/csv with a file to import."},
	"misdirected": {421, "The request names another host",
		"A server without tokens answers on loopback names only (localhost, 127.0.0.1, [::1]), so that no web page can reach it under a name of its own."},
	"invalid": {422, "Something in the request is not right",
		"The detail, and the field errors if present, say what, where, and what was expected."},
	"invalid-definition": {422, "The definition is not right",
		"The field at says where, what was expected there and what was found."},
	"too-many": {429, "The account has too much under way",
		"Streams, and other requests, are limited for each account, so that one does not take what others need. End some, or ask again after Retry-After."},
	"internal": {500, "The server failed",
		"This is a fault of the server. Its log says more."},
	"busy": {503, "The server has too much under way",
		"Streams, and other requests, are limited for the whole server. Ask again after Retry-After, or another process."},
	"not-fresh": {503, "The state is behind its sources",
		"An answer now might include somebody who has opted out meanwhile. The field freshness says what is missing. Ask again after Retry-After, or add stale=allow to take the answer as it is."},
	"not-composed": {503, "The segment is not composed yet",
		"A new or changed segment has no size and no recipients before every partition has composed it, which takes moments. The field composed says how far it is."},
	"unavailable": {503, "Something that the server needs can't be reached",
		"Kafka or Redis did not answer in time. If this was a change, it may have happened or not: look before repeating it."},
}

// kindOfStatus finds a kind for what huma complains about.
func kindOfStatus(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "too-large"
	case http.StatusUnsupportedMediaType:
		return "unsupported-media-type"
	case http.StatusUnprocessableEntity:
		return "invalid"
	}
	if status >= 500 || status == 0 {
		return "internal"
	}
	return "bad-request"
}

// problemPage documents one kind, or lists them all.
func problemPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	name := r.PathValue("kind")
	if kind, ok := kinds[name]; ok {
		fmt.Fprintf(w, "%s (%d)\n\n%s\n\n%s\n", name, kind.status, kind.title, kind.doc)
		return
	}
	if name != "" {
		w.WriteHeader(http.StatusNotFound)
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		fmt.Fprintf(w, "%s%s (%d) %s\n", problemsPath, name, kinds[name].status, kinds[name].title)
	}
}
