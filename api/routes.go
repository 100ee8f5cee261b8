package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// description is of the whole API.
var description = fmt.Sprintf("Live audience segments for SMS. Errors are RFC 9457 problems; their types are documented under "+problemsPath+`.

Limits: a body has at most %d bytes, that of a check %d, a file %d, and headers %d; headers take at most %v to arrive, a body %v. `+
	`An account has at most %d other requests than streams under way, a process %d; of imports %d and %d, of reports %d and %d. `+
	`Streams are limited too, for the account and the process (rollcall serve --help says how many), `+
	`and one whose reader doesn't read for %v is cut off. `+
	`What an account has too much of is answered 429, what the process has too much of 503, each with Retry-After.`,
	maxBody, maxCheckBody, maxImport, maxHeader, headerWait, requestWait, requestLimit.PerAccount, requestLimit.All, importLimit.PerAccount, importLimit.All,
	reportLimit.PerAccount, reportLimit.All, writeWait)

// describe is the frame of the OpenAPI document.
func describe(version string) huma.Config {
	c := huma.DefaultConfig("rollcall", version)
	c.Info.Description = description
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer"},
		"session": {Type: "apiKey", In: "cookie", Name: sessionCookie},
	}
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", "" // huma's own pages load scripts from elsewhere
	c.CreateHooks = nil                                   // no "$schema" in answers
	c.RejectUnknownQueryParameters = true                 // a misspelt "stale" or "slice" must not pass unnoticed
	return c
}

// routes is every operation that OpenAPI describes.
func (s *Server) routes() {
	handle(s, reader, get("list-segments", "/v1/segments", "All segments, parents first"), s.listSegments)
	handle(s, reader, get("get-segment", "/v1/segments/{id}", "A segment with its size"), s.getSegment)
	handle(s, writer, unchecked(put("put-segment", "/v1/segments/{id}", "Create or replace a segment"), maxBody), s.putSegment)
	handle(s, writer, del("delete-segment", "/v1/segments/{id}", "Delete a segment"), s.deleteSegment)
	handle(s, reader, unchecked(post("preview", "/v1/preview", "How many a definition would match", 200), maxBody), s.preview)
	handle(s, reader, unchecked(post("check", "/v1/segments/{id}/check", "Are these contacts members, and sendable?", 200), maxCheckBody), s.check)
	handle(s, reader, get("explain", "/v1/segments/{id}/explain", "Why is this contact in the segment, or not, and until when?"), s.explain)
	handle(s, reader, ndjson(get("members", "/v1/segments/{id}/members", "All members, as NDJSON")), s.members)
	handle(s, reader, ndjson(get("recipients", "/v1/segments/{id}/recipients", "The sendable members, as NDJSON")), s.recipients)
	handle(s, reader, get("list-lists", "/v1/lists", "Marketing lists, forms and webinars by name, with how many contacts are on each now"), s.listLists)
	handle(s, reader, ndjson(get("list-recipients", "/v1/lists/{kind}/{id}/recipients", "Whom on a marketing list can be sent to, as NDJSON")), s.listRecipients)
	handle(s, reader, get("list-messages", "/v1/messages", "Messages, the newest first, with how often each was sent on the kept days"), s.listMessages)
	handle(s, reader, reports(get("sms-report", "/v1/reports/sms", "What came of the messages that were sent")), s.smsReport)
	handle(s, reader, changeLines(get("changes", "/v1/segments/{id}/changes", "Who entered and exited, as NDJSON")), s.changes)
	handle(s, reader, get("history", "/v1/segments/{id}/history", "How large a segment was, and how many entered and exited"), s.sizeHistory)
	handle(s, writer, body(post("freeze", "/v1/segments/{id}/snapshots", "Freeze the sendable members, as they are now", 201), maxBody), s.freeze)
	handle(s, reader, get("list-snapshots", "/v1/snapshots", "The frozen lists, the newest first"), s.listSnapshots)
	handle(s, reader, get("get-snapshot", "/v1/snapshots/{id}", "What a frozen list is of"), s.getSnapshot)
	handle(s, writer, del("delete-snapshot", "/v1/snapshots/{id}", "Delete a frozen list"), s.deleteSnapshot)
	handle(s, reader, frozen(get("frozen-recipients", "/v1/snapshots/{id}/recipients", "Those of a frozen list that are sendable still, as NDJSON")), s.frozenRecipients)
	handle(s, reader, events(get("sizes", "/v1/sizes", "Sizes now and from now on, as server-sent events")), s.sizes)
	handle(s, reader, followed(get("follow", "/v1/follow", "The recipients of segments, and who comes and goes, as NDJSON")), s.followRecipients)

	handle(s, operator, get("list-accounts", "/v1/accounts", "All accounts by id"), s.listAccounts)
	handle(s, operator, body(post("create-account", "/v1/accounts", "Create an account and its first token", 201), maxBody), s.createAccount)
	handle(s, operator, del("delete-account", "/v1/accounts/{id}", "Delete an account with all that is in it"), s.deleteAccount)
	handle(s, operator, body(post("accept-loss", "/v1/losses", "Go on without records that Kafka has lost, as the status names them", 204), maxBody), s.acceptLoss)
	handle(s, operator, body(post("start-rebuild", "/v1/rebuilds", "Make the state anew from the log, beside the live one", 201), maxBody), s.startRebuild)
	handle(s, operator, get("list-rebuilds", "/v1/rebuilds", "All rebuilds, the newest first"), s.listRebuilds)
	handle(s, operator, get("get-rebuild", "/v1/rebuilds/{id}", "How a rebuild stands, and what differs"), s.getRebuild)
	handle(s, operator, del("cancel-rebuild", "/v1/rebuilds/{id}", "Have the partitions that are not done give up"), s.cancelRebuild)
	handle(s, operator, body(post("start-replay", "/v1/replays", "Apply records that stand in Kafka once more", 201), maxBody), s.startReplay)
	handle(s, operator, get("list-replays", "/v1/replays", "The replays that go on, and the newest of the others"), s.listReplays)
	handle(s, operator, get("get-replay", "/v1/replays/{id}", "How a replay is doing, and what became of its records"), s.getReplay)
	handle(s, operator, del("cancel-replay", "/v1/replays/{id}", "End a replay; what it has applied stays"), s.cancelReplay)
	handle(s, operator, verification(body(post("verify", "/v1/verifications", "Recompute from the log what the state should be, and tell what differs", 200), maxCheckBody)), s.verify)
	handle(s, operator, get("list-dead-letters", "/v1/dead-letters", "Records that could not be read, the newest first"), s.listLetters)
	handle(s, operator, get("show-dead-letter", "/v1/dead-letters/{id}", "A dead letter with its bytes"), s.showLetter)
	handle(s, operator, body(post("retry-dead-letters", "/v1/dead-letters/retry", "Read the records of dead letters once more", 200), maxBody), s.retryLetters)
	handle(s, writer, get("list-tokens", "/v1/tokens", "The account's tokens, without their secrets"), s.listTokens)
	handle(s, writer, body(post("create-token", "/v1/tokens", "Create a token; its secret is shown this once", 201), maxBody), s.createToken)
	handle(s, writer, del("revoke-token", "/v1/tokens/{id}", "Revoke a token"), s.revokeToken)
	handle(s, writer, csvFile(post("import", "/v1/imports/{what}", "Write the rows of a CSV file as records: contacts, consent or a list", 200)), s.importFile)
	handle(s, writer, del("erase-contact", "/v1/contacts/{id}", "Erase a contact everywhere"), s.eraseContact)
	handle(s, open, body(post("create-session", "/v1/session", "Sign a browser in: a token in, a cookie out", 200), maxSessionBody), s.createSession)
	handle(s, anybody, get("get-session", "/v1/session", "Who sends this request, and of which account"), s.getSession)
	handle(s, open, del("end-session", "/v1/session", "Take the cookie back; the token stays"), s.endSession)
	handle(s, anybody, get("status", "/v1/status", "Freshness, lag and counters"), s.status)
}

// handle registers an operation for callers with the given access.
func handle[I, O any](s *Server, a access, op huma.Operation, handler func(context.Context, caller, *I) (*O, error)) {
	op.Security = []map[string][]string{{"token": {}}, {"session": {}}}
	if a == open {
		op.Security = []map[string][]string{{}}
	}
	op.Middlewares = huma.Middlewares{s.admit(a)}
	op.Errors = append(op.Errors, 400, 401, 403, 404, 429, 503)
	if op.Method != http.MethodGet {
		op.Errors = append(op.Errors, 409)
	}
	if op.MaxBodyBytes > 0 {
		op.Errors = append(op.Errors, 413)
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, callerOf(ctx), in)
		if err != nil {
			return nil, problemOf(ctx, s.Log, err)
		}
		return out, nil
	})
}

func operation(method, id, path, summary string, status int) huma.Operation {
	return huma.Operation{Method: method, OperationID: id, Path: path, Summary: summary, DefaultStatus: status}
}

func get(id, path, summary string) huma.Operation {
	return operation(http.MethodGet, id, path, summary, http.StatusOK)
}

func put(id, path, summary string) huma.Operation {
	op := operation(http.MethodPut, id, path, summary, http.StatusOK)
	op.Responses = map[string]*huma.Response{
		"201": {Description: "Created"},
		"202": {Description: "Stored, but not composed by every partition yet; GET says how far it is"},
	}
	return op
}

func post(id, path, summary string, status int) huma.Operation {
	return operation(http.MethodPost, id, path, summary, status)
}

func del(id, path, summary string) huma.Operation {
	return operation(http.MethodDelete, id, path, summary, http.StatusNoContent)
}

// body bounds a body, whose schema is checked: a misspelt field is refused.
func body(op huma.Operation, limit int64) huma.Operation {
	op.MaxBodyBytes = limit
	op.Description = fmt.Sprintf("The body has at most %d bytes.", limit)
	op.BodyReadTimeout = requestWait
	return op
}

// unchecked bounds a body whose shape the handler checks: that says more than
// a schema, and reads the body once less.
func unchecked(op huma.Operation, limit int64) huma.Operation {
	op.SkipValidateBody = true
	return body(op, limit)
}

func ndjson(op huma.Operation) huma.Operation {
	return streams(op, "application/x-ndjson", `Lines {"contact": "..."}, some with a "cursor" from which to go on. `+
		`The last line is {"end": {"count", "cursor", "freshness"}}: without it the list is cut off, and what came after its last cursor comes again. `+
		`Contacts are looked at in batches of at most 500, each right before it is handed to the connection: `+
		`nobody is in a batch who was no longer a member, or sendable, by then. `+
		`Who is a member from beginning to end is in the list once, also if it was cut off and gone on with; who comes or goes meanwhile, at most once.`)
}

func frozen(op huma.Operation) huma.Operation {
	op.Errors = []int{http.StatusConflict, http.StatusGone}
	return streams(op, "application/x-ndjson", `Lines {"contact": "..."}, some with a "cursor" from which to go on, also after the state was rebuilt. `+
		`The last line is {"end": {"count", "frozen", "withheld", "cursor", "freshness"}}, with the numbers of what came after the cursor that was given: `+
		`without it the list is cut off.`)
}

func verification(op huma.Operation) huma.Operation {
	return streams(op, "application/x-ndjson", `Lines {"difference": {...}} and {"progress": {...}}. `+
		`The last line is {"end": {"partitions", "records", "contacts", "memberships", "differences", "position", "notes"}}, `+
		`or {"failed": PROBLEM}: without either the verification is cut off.`)
}

func events(op huma.Operation) huma.Operation {
	return streams(op, "text/event-stream", `An event "snapshot" with all sizes, then an event "size" for each change, and "deleted".`)
}

func followed(op huma.Operation) huma.Operation {
	return streams(op, "application/x-ndjson", `Lines {"segment", "exited": [...], "entered": [...]}: who left the recipients and who came, `+
		`to be applied in this order; at first everybody comes. And lines {"freshness"}, at least every second: if it is fresh, everything `+
		`written before as_of is in the lines before. "as_of_ms" and "day_ends_ms" are how long after the server took the request up that was, `+
		`and when the account's day ends: count from when you sent it, and nothing is taken for newer than it is. `+
		`A line that is not fresh takes back what was said before. If the stream is cut off, begin anew.`)
}

// streaming marks operations that are limited as streams.
const streaming = "streaming"

// importing and reporting mark those that are limited as imports and as reports.
const (
	importing = "importing"
	reporting = "reporting"
)

func streams(op huma.Operation, contentType, description string) huma.Operation {
	op.Metadata = map[string]any{streaming: true}
	op.Responses = map[string]*huma.Response{
		"200": {Description: description, Content: map[string]*huma.MediaType{contentType: {Schema: &huma.Schema{Type: huma.TypeString}}}},
	}
	return op
}
