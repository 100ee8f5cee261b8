package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// PostgresUser is the superuser of a Postgres.
const PostgresUser = "bench"

// Postgres is a PostgreSQL server that listens on a Unix socket, in the
// directory Addr, and lets everybody in who can reach that.
type Postgres struct {
	*Server
	Client string // path of psql

	dir string
}

// NewPostgres starts the PostgreSQL of this machine, with data in a new
// directory and those settings, name=value. It refuses to run as root, so it is
// run as another user then.
func NewPostgres(settings ...string) (*Postgres, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	p := &Postgres{Client: filepath.Join(bin, "psql")}
	if p.dir, err = os.MkdirTemp("", "rollcall-postgres-"); err != nil {
		return nil, err
	}
	if err := p.start(bin, settings); err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.dir))
	}
	return p, nil
}

// Close ends the server and removes its data.
func (p *Postgres) Close() error { return errors.Join(p.Server.Close(), os.RemoveAll(p.dir)) }

func (p *Postgres) start(bin string, settings []string) error {
	as, err := unprivileged()
	if err != nil {
		return err
	}
	if as != nil {
		if err := os.Chown(p.dir, int(as.Uid), int(as.Gid)); err != nil {
			return err
		}
	}
	data := filepath.Join(p.dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", PostgresUser, "-A", "trust", "-N", "-E", "UTF8", "--locale", "C")
	initdb.Dir, initdb.SysProcAttr = p.dir, &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, lastLines(string(out)))
	}
	argv := []string{filepath.Join(bin, "postgres"), "-D", data, "-k", p.dir, "-c", "listen_addresses="}
	for _, s := range settings {
		argv = append(argv, "-c", s)
	}
	p.Server = &Server{Addr: p.dir, name: "PostgreSQL", from: bin, ready: p.answers, host: &process{dir: p.dir, argv: argv, as: as}}
	return startAll([]*Server{p.Server})
}

// answers asks as a client does, so that it fails while the server starts.
func (p *Postgres) answers(ctx context.Context, addr string) error {
	conn, err := net.Dial("unix", filepath.Join(addr, ".s.PGSQL.5432"))
	if err != nil {
		return err
	}
	conn.Close()
	return exec.CommandContext(ctx, p.Client, "-X", "-q", "-h", addr, "-U", PostgresUser, "-c", "SELECT 1", "postgres").Run()
}

// postgresBin is where this machine's PostgreSQL has its programs: on Debian
// they are not in PATH.
func postgresBin() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is right
	if len(found) == 0 {
		return "", fmt.Errorf("PostgreSQL: no initdb in PATH or /usr/lib/postgresql/*/bin: %w", errUnavailable)
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return versionIn(a) - versionIn(b) })
	return filepath.Dir(newest), nil
}

func versionIn(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

// unprivileged is whom root lets run a server that does not want to run as
// root: postgres, or else nobody. It is nil for everybody else.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// Missing tells whether an error is that this machine lacks a server, as against
// one that is broken.
func Missing(err error) bool { return errors.Is(err, errUnavailable) }
