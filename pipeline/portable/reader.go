package portable

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
)

// Export is one that was checked.
type Export struct {
	*Manifest
	dir string
}

// Open checks all files of an export, and names the first that is not as the
// manifest has it.
func Open(dir string) (*Export, error) {
	m, err := openManifest(dir)
	if err != nil {
		return nil, err
	}
	files := map[string]File{}
	for _, p := range m.Partitions {
		for _, f := range p.Files {
			files[f.Name] = f
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if _, listed := files[e.Name()]; !listed && e.Name() != manifestName && e.Name() != checksumName {
			return nil, fmt.Errorf("%w: %s is not in the manifest", ErrDamaged, e.Name())
		}
	}
	for _, p := range m.Partitions {
		for _, f := range p.Files {
			if err := f.check(dir); err != nil {
				return nil, err
			}
		}
	}
	return &Export{Manifest: m, dir: dir}, nil
}

func openManifest(dir string) (*Manifest, error) {
	data, err := readSmall(dir, manifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s: it is no export, or one that was cut off", dir, manifestName)
	}
	if err != nil {
		return nil, err
	}
	checksum, err := readSmall(dir, checksumName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing", ErrDamaged, checksumName)
	}
	if err != nil {
		return nil, err
	}
	want, _, _ := strings.Cut(string(checksum), " ")
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
		return nil, fmt.Errorf("%w: %s was altered: its checksum differs", ErrDamaged, manifestName)
	}
	return DecodeManifest(data)
}

func readSmall(dir, name string) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && len(data) > maxManifest {
		err = fmt.Errorf("%w: %s has more than %d bytes", ErrDamaged, name, maxManifest)
	}
	return data, err
}

func (f *File) check(dir string) error {
	in, err := os.Open(filepath.Join(dir, f.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing", ErrDamaged, f.Name)
	}
	if err != nil {
		return err
	}
	defer in.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, in)
	switch {
	case err != nil:
		return err
	case n != f.Bytes:
		return fmt.Errorf("%w: %s has %d bytes of %d", ErrDamaged, f.Name, n, f.Bytes)
	case hex.EncodeToString(sum.Sum(nil)) != strings.ToLower(f.SHA256):
		return fmt.Errorf("%w: %s was altered: its checksum differs", ErrDamaged, f.Name)
	}
	return nil
}

// Reader reads a partition.
type Reader struct {
	lines           *json.Decoder
	bitmaps, events *io.SectionReader
	files           []io.Closer
}

// Read opens a partition, by its place in the manifest. It must be closed.
func (e *Export) Read(partition int32) (*Reader, error) {
	var r Reader
	var open [3]*os.File
	for i, name := range fileNames(partition) {
		f, err := os.Open(filepath.Join(e.dir, name))
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		open[i], r.files = f, append(r.files, f)
	}
	files := e.Partitions[partition].Files
	opened := NewReader(bufio.NewReaderSize(open[0], 256<<10), open[1], files[1].Bytes, open[2], files[2].Bytes)
	opened.files = r.files
	return opened, nil
}

// NewReader reads a partition from what its files hold.
func NewReader(lines io.Reader, bitmaps io.ReaderAt, bitmapBytes int64, events io.ReaderAt, eventBytes int64) *Reader {
	r := &Reader{
		lines:   json.NewDecoder(lines),
		bitmaps: io.NewSectionReader(bitmaps, 0, bitmapBytes), events: io.NewSectionReader(events, 0, eventBytes),
	}
	r.lines.DisallowUnknownFields()
	return r
}

// Close closes the files.
func (r *Reader) Close() (err error) {
	for _, f := range r.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// Next is the next line; io.EOF after the last.
func (r *Reader) Next() (*Line, error) {
	var l Line
	err := r.lines.Decode(&l)
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err == nil && l.fields() != 1 {
		err = errors.New("a line of several things, or of none")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: near byte %d: %w", ErrDamaged, r.lines.InputOffset(), err)
	}
	return &l, nil
}

// read is what a line points at.
func (ref Ref) read(from *io.SectionReader) ([]byte, error) {
	if ref.At < 0 || ref.Bytes < 0 || ref.At > from.Size() || ref.Bytes > from.Size()-ref.At {
		return nil, fmt.Errorf("%w: a line points at byte %d and %d more of %d", ErrDamaged, ref.At, ref.Bytes, from.Size())
	}
	data := make([]byte, ref.Bytes)
	_, err := from.ReadAt(data, ref.At)
	if errors.Is(err, io.EOF) && ref.Bytes == 0 {
		err = nil
	}
	return data, err
}

// Bitmap reads a bitmap.
func (r *Reader) Bitmap(ref Ref) (*roaring.Bitmap, error) {
	data, err := ref.read(r.bitmaps)
	if err != nil {
		return nil, err
	}
	b := roaring.New()
	if err := b.UnmarshalBinary(data); err != nil {
		return nil, fmt.Errorf("%w: the bitmap at byte %d: %w", ErrDamaged, ref.At, err)
	}
	if err := b.Validate(); err != nil && !b.IsEmpty() {
		return nil, fmt.Errorf("%w: the bitmap at byte %d: %w", ErrDamaged, ref.At, err)
	}
	if b.GetSerializedSizeInBytes() != uint64(len(data)) {
		return nil, fmt.Errorf("%w: the bitmap at byte %d has not the %d bytes that it is said to have", ErrDamaged, ref.At, ref.Bytes)
	}
	return b, nil
}

// Events reads events.
func (r *Reader) Events(ref Ref) ([]Event, error) {
	data, err := ref.read(r.events)
	if err != nil {
		return nil, err
	}
	if len(data)%eventSize != 0 {
		return nil, fmt.Errorf("%w: %d bytes of events", ErrDamaged, len(data))
	}
	events := make([]Event, 0, len(data)/eventSize)
	for ; len(data) > 0; data = data[eventSize:] {
		events = append(events, Event{
			Contact: binary.LittleEndian.Uint32(data), Message: binary.LittleEndian.Uint32(data[4:]), Identity: binary.LittleEndian.Uint64(data[8:]),
		})
	}
	return events, nil
}
