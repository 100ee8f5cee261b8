package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority issues certificates for the servers and clients of a test.
type Authority struct {
	File string // its own certificate

	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Pair is a certificate and its key, as names of PEM files.
type Pair struct {
	CertFile, KeyFile string
	BothFile          string // key and certificate in one file
}

// NewAuthority makes up an authority that nobody trusts but the test.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{dir: t.TempDir(), key: newKey(t)}
	a.cert = template("rollcall's tests")
	a.cert.IsCA, a.cert.BasicConstraintsValid, a.cert.KeyUsage = true, true, x509.KeyUsageCertSign
	der := sign(t, a.cert, a.cert, a.key, a.key)
	a.File = a.write(t, "ca.pem", block("CERTIFICATE", der))
	return a
}

// Issue makes a certificate for a server on 127.0.0.1 or for a client.
func (a *Authority) Issue(t testing.TB, name string) Pair {
	t.Helper()
	key, cert := newKey(t), template(name)
	cert.KeyUsage = x509.KeyUsageDigitalSignature
	cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	cert.IPAddresses, cert.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	certPEM := block("CERTIFICATE", sign(t, cert, a.cert, key, a.key))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM := block("PRIVATE KEY", der)
	return Pair{
		CertFile: a.write(t, name+".cert.pem", certPEM), KeyFile: a.write(t, name+".key.pem", keyPEM),
		BothFile: a.write(t, name+".pem", append(keyPEM, certPEM...)),
	}
}

func (a *Authority) write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func template(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
}

func sign(t testing.TB, cert, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
