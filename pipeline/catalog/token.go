package catalog

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"
)

// Scope is what a token allows.
type Scope string

const (
	Read  Scope = "read"
	Write Scope = "write" // includes Read
)

// Grant is what a secret opens.
type Grant struct {
	Account string
	Scope   Scope
}

// Token is a token as it may be shown: without its secret.
type Token struct {
	ID        string
	Scope     Scope
	CreatedAt time.Time
}

// secretPrefix lets scanners for leaked secrets recognise ours.
const secretPrefix = "rollcall_"

// NewToken makes up a token for an account, and its secret of 256 random bits,
// which exists nowhere else.
func NewToken(account string, scope Scope) (entry PutToken, secret string) {
	secret = secretPrefix + base64.RawURLEncoding.EncodeToString(random(32))
	sum := sha256.Sum256([]byte(secret))
	return PutToken{Account: account, ID: newID(), Scope: scope, SHA256: sum[:]}, secret
}

// NewSettings makes up the settings.
func NewSettings() Settings { return Settings{ErasureKey: random(32)} }

// newID returns 26 random characters of a-z and 2-7.
func newID() string { return strings.ToLower(rand.Text()) }

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never returns an error
	return b
}
