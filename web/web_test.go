package web

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

const browser = "text/html,application/xhtml+xml,*/*;q=0.8"

func built() fs.FS {
	return fstest.MapFS{
		"unbuilt.html":             {Data: []byte("unbuilt")},
		"dist/index.html":          {Data: []byte("the page")},
		"dist/favicon.svg":         {Data: []byte("<svg/>")},
		"dist/assets/page-a1b2.js": {Data: []byte("go()")},
	}
}

func ask(h http.Handler, method, path, accept string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Accept", accept)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var missing = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })

func TestHandler(t *testing.T) {
	for _, tt := range []struct {
		name, method, path, accept string
		status                     int
		body, contentType, cache   string
	}{
		{"the root", "GET", "/", "*/*", 200, "the page", "text/html; charset=utf-8", "no-cache"},
		{"a view on reload", "GET", "/segments/engaged", browser, 200, "the page", "text/html; charset=utf-8", "no-cache"},
		{"a view whose name has a dot", "GET", "/segments/a.b", browser, 200, "the page", "text/html; charset=utf-8", "no-cache"},
		{"the document by its name", "GET", "/index.html", browser, 200, "the page", "text/html; charset=utf-8", "no-cache"},
		{"an asset", "GET", "/assets/page-a1b2.js", "*/*", 200, "go()", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"a file without a hash", "GET", "/favicon.svg", "*/*", 200, "<svg/>", "image/svg+xml", "no-cache"},
		{"an asset of another build", "GET", "/assets/page-0000.js", "*/*", 418, "", "", ""},
		{"a program's slip", "GET", "/v2/segments", "application/json", 418, "", "", ""},
		{"a folder", "GET", "/assets/", "*/*", 418, "", "", ""},
		{"out of the folder", "GET", "/../unbuilt.html", "*/*", 418, "", "", ""},
		{"a change", "POST", "/", browser, 418, "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := ask(handler(built(), missing), tt.method, tt.path, tt.accept)
			h := w.Header()
			if w.Code != tt.status || w.Body.String() != tt.body || h.Get("Content-Type") != tt.contentType || h.Get("Cache-Control") != tt.cache {
				t.Errorf("%d %q %v", w.Code, w.Body, h)
			}
			if secured := h.Get("Content-Security-Policy") != ""; secured != (tt.status == 200) {
				t.Errorf("Content-Security-Policy: %q", h.Get("Content-Security-Policy"))
			}
		})
	}
}

func TestDocumentIsNotSentTwice(t *testing.T) {
	h := handler(built(), missing)
	etag := ask(h, "GET", "/", browser).Header().Get("ETag")
	if w := ask(h, "GET", "/segments/x", browser, "If-None-Match", etag); w.Code != http.StatusNotModified {
		t.Errorf("%d with ETag %s", w.Code, etag)
	}
}

func TestUnbuiltPageSaysHowToBuildIt(t *testing.T) {
	content, err := fs.ReadFile(served, "served/unbuilt.html")
	if err != nil {
		t.Fatal(err)
	}
	h := handler(fstest.MapFS{"unbuilt.html": {Data: content}}, missing)
	if w := ask(h, "GET", "/segments", browser); w.Code != 200 || !strings.Contains(w.Body.String(), "make web") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// What is embedded loads nothing from elsewhere, and has no script or style
// that its own policy forbids.
func TestEmbeddedPageKeepsItsPolicy(t *testing.T) {
	w := ask(Handler(missing), "GET", "/", browser)
	for _, forbidden := range []string{"<script>", "<style", " style=", "src=\"http", "href=\"http"} {
		if strings.Contains(w.Body.String(), forbidden) {
			t.Errorf("the page has %s", forbidden)
		}
	}
}
