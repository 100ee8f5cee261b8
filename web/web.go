// Package web is the page, as it is embedded in the binary. It is built from
// src by make web; without that the package compiles all the same, and serves
// a page that says how to build the real one.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// served holds unbuilt.html, and dist once the page is built.
//
//go:embed all:served
var served embed.FS

// policy lets the page load what this server has, and nothing else: no script
// that somebody wrote into it runs, and no other site shows it in a frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Handler serves the page at / and at the addresses of its views, which the
// page itself tells apart, and its assets. Anything else is for missing to answer.
func Handler(missing http.Handler) http.Handler {
	files, err := fs.Sub(served, "served")
	if err != nil {
		panic(err) // "served" is a valid path
	}
	return handler(files, missing)
}

func handler(files fs.FS, missing http.Handler) http.Handler {
	page := document(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := path.Join("dist", path.Clean("/"+r.URL.Path))
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			missing.ServeHTTP(w, r)
		case name != "dist/index.html" && isFile(files, name):
			secure(w.Header())
			w.Header().Set("Cache-Control", cacheOf(name))
			http.ServeFileFS(w, r, files, name)
		case r.URL.Path == "/" || strings.Contains(r.Header.Get("Accept"), "text/html"):
			secure(w.Header())
			page(w, r)
		default:
			missing.ServeHTTP(w, r)
		}
	})
}

func isFile(files fs.FS, name string) bool {
	info, err := fs.Stat(files, name)
	return err == nil && info.Mode().IsRegular()
}

// cacheOf is forever for assets, whose names have a hash of what is in them.
func cacheOf(name string) string {
	if strings.HasPrefix(name, "dist/assets/") {
		return "public, max-age=31536000, immutable"
	}
	return "no-cache"
}

// document serves the page itself, which browsers keep and ask about each time:
// it names the assets of one build.
func document(files fs.FS) http.HandlerFunc {
	content, err := fs.ReadFile(files, "dist/index.html")
	if err != nil {
		if content, err = fs.ReadFile(files, "unbuilt.html"); err != nil {
			panic(err) // it is in the tree
		}
	}
	sum := sha256.Sum256(content)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}
