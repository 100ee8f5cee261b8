package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Chromium returns the path of a browser that can be told what to do.
func Chromium(t testing.TB) string {
	t.Helper()
	return program(t, "chromium", "chromium-browser", "google-chrome")
}

// Playwright returns the path of the program that tests the page in a browser,
// and needs Node. It is what npm installed in the directory of the page, which
// has to be built, too.
func Playwright(t testing.TB, page string) string {
	t.Helper()
	program(t, "node")
	for _, made := range []string{"served/dist/index.html", "node_modules/.bin/playwright"} {
		if _, err := os.Stat(filepath.Join(page, made)); err != nil {
			unavailable(t, fmt.Errorf("the built page and what tests it: make web: %w", errUnavailable))
		}
	}
	return filepath.Join(page, "node_modules", ".bin", "playwright")
}
