// Package portable is the format of an exported state: files that a program of
// another maker can read, with positions and checksums. docs/export.md describes
// it to whoever writes such a program.
//
// An export is a directory:
//
//	manifest.json          what there is, and where in the log it stands
//	manifest.json.sha256   the manifest's checksum, as sha256sum writes it
//	partition-7.ndjson     one JSON object a line: accounts, contacts, lists, days, ...
//	partition-7.roaring    the bitmaps that those lines point at
//	partition-7.events     the events that they point at
//
// The manifest has the lengths and checksums of the other files, and is renamed
// into place when they are safe on disk: what was cut off has none.
package portable
