package portable

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"

	"github.com/RoaringBitmap/roaring/v2"
)

// Writer writes an export.
type Writer struct{ dir string }

// Create begins an export in a directory, which is made if need be, and must be
// empty. Only its owner can read it: it holds the ids of contacts.
func Create(dir string) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty", dir)
	}
	return &Writer{dir: dir}, nil
}

// PartitionWriter writes the files of one partition.
type PartitionWriter struct {
	partition              int32
	lines, bitmaps, events *file
	encoder                *json.Encoder
}

// Partition begins a partition. It must be closed.
func (w *Writer) Partition(partition int32) (*PartitionWriter, error) {
	p := &PartitionWriter{partition: partition}
	names := fileNames(partition)
	for i, f := range []**file{&p.lines, &p.bitmaps, &p.events} {
		var err error
		if *f, err = create(w.dir, names[i]); err != nil {
			return nil, errors.Join(err, p.abandon())
		}
	}
	p.encoder = json.NewEncoder(p.lines)
	p.encoder.SetEscapeHTML(false)
	return p, nil
}

// Line writes a line.
func (p *PartitionWriter) Line(l *Line) error { return p.encoder.Encode(l) }

// Bitmap writes a bitmap, in the format that all implementations of Roaring
// bitmaps have in common, for a line to point at.
func (p *PartitionWriter) Bitmap(b *roaring.Bitmap) (Ref, error) {
	ref := Ref{At: p.bitmaps.size}
	_, err := b.WriteTo(p.bitmaps)
	ref.Bytes = p.bitmaps.size - ref.At
	return ref, err
}

// Events writes events, which are in order, for a line to point at.
func (p *PartitionWriter) Events(events []Event) (Ref, error) {
	ref := Ref{At: p.events.size, Bytes: int64(len(events)) * eventSize}
	var row [eventSize]byte
	for _, e := range events {
		binary.LittleEndian.PutUint32(row[0:], e.Contact)
		binary.LittleEndian.PutUint32(row[4:], e.Message)
		binary.LittleEndian.PutUint64(row[8:], e.Identity)
		if _, err := p.events.Write(row[:]); err != nil {
			return ref, err
		}
	}
	return ref, nil
}

// Close makes the files durable, and tells what they are.
func (p *PartitionWriter) Close() ([]File, error) {
	var files []File
	var errs []error
	for _, f := range []*file{p.lines, p.bitmaps, p.events} {
		done, err := f.close()
		files, errs = append(files, done), append(errs, err)
	}
	return files, errors.Join(errs...)
}

// abandon closes what was opened.
func (p *PartitionWriter) abandon() (err error) {
	for _, f := range []*file{p.lines, p.bitmaps, p.events} {
		if f != nil {
			err = errors.Join(err, f.f.Close())
		}
	}
	return err
}

// Finish writes the manifest: from then on there is an export.
func (w *Writer) Finish(m *Manifest) error { return Finish(w.dir, m) }

// Finish writes the manifest of the files in a directory.
func Finish(dir string, m *Manifest) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if _, err := DecodeManifest(data); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	checksum := fmt.Appendf(nil, "%x  %s\n", sum, manifestName)
	if err := writeFile(dir, checksumName, checksum); err != nil {
		return err
	}
	const unfinished = manifestName + ".part"
	if err := writeFile(dir, unfinished, data); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, unfinished), filepath.Join(dir, manifestName)); err != nil {
		return err
	}
	return syncDirectory(dir)
}

func writeFile(dir, name string, data []byte) error {
	f, err := create(dir, name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	_, closed := f.close()
	return errors.Join(err, closed)
}

// syncDirectory makes the names in a directory durable. Where a system can't,
// they are as durable as it makes them.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}

// file is one that is being written, with its checksum.
type file struct {
	name string
	f    *os.File
	buf  *bufio.Writer
	sum  hash.Hash
	size int64
}

func create(dir, name string) (*file, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &file{name: name, f: f, buf: bufio.NewWriterSize(f, 256<<10), sum: sha256.New()}, nil
}

func (f *file) Write(b []byte) (int, error) {
	_, _ = f.sum.Write(b) // never fails
	f.size += int64(len(b))
	return f.buf.Write(b)
}

func (f *file) close() (File, error) {
	err := errors.Join(f.buf.Flush(), f.f.Sync(), f.f.Close())
	return File{Name: f.name, Bytes: f.size, SHA256: hex.EncodeToString(f.sum.Sum(nil))}, err
}

// KeyCheck tells keys apart without telling them.
func KeyCheck(key []byte) string {
	sum := sha256.Sum256(append([]byte("rollcall export: "), key...))
	return hex.EncodeToString(sum[:8])
}
