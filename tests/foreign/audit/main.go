// Command audit verifies the folder of an exported audit log by the C2SP specifications alone: signed-note,
// tlog-checkpoint, tlog-tiles and tlog-cosignature, with the note and tlog packages of Go's checksum database.
// It shares no code with the system that wrote the folder, and does not know what the entries mean.
//
//	audit FOLDER
//	audit -proofs FOLDER VKEY...
//
// The folder has `checkpoint`, `keys/*.vkey`, `tile/<L>/<N>` and `tile/entries/<N>`. One line is printed for each
// check. The exit code is 0 when all hold, 1 when one does not, 2 for wrong use.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight    = 8
	tileWidth     = 1 << tileHeight
	cosignature   = 4
	mostFindings  = 20
	mostNoteBytes = 1 << 20
)

func main() {
	if len(os.Args) > 3 && os.Args[1] == "-proofs" {
		if !checkProofs(os.Args[2], os.Args[3:]) {
			os.Exit(1)
		}
		return
	}
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: audit FOLDER, or audit -proofs FOLDER VKEY...")
		os.Exit(2)
	}
	folder := os.Args[1]
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		fmt.Fprintf(os.Stderr, "audit: %s is not a folder\n", folder)
		os.Exit(2)
	}
	if !verify(folder) {
		os.Exit(1)
	}
}

// verify runs every check that the earlier ones allow, and tells whether all hold.
func verify(folder string) bool {
	audit := &audit{folder: folder}
	keys := audit.readKeys()
	tree, ok := audit.openCheckpoint(keys)
	if ok {
		if audit.readEntries(tree.N) {
			audit.compareRoot(tree)
			audit.compareTiles(tree.N)
			audit.findExtra(tree.N)
		} else {
			fmt.Println("skip root, tiles and extra: the tree cannot be rebuilt without every entry")
		}
	}
	return audit.findings == 0
}

// An audit is a folder with what was read and found in it.
type audit struct {
	folder   string
	findings int
	hashes   stored
	leaves   int64
	expected map[string]bool
}

func (a *audit) ok(check, format string, args ...any) {
	fmt.Printf("ok   %s: %s\n", check, fmt.Sprintf(format, args...))
}

func (a *audit) fail(check, format string, args ...any) {
	a.findings++
	if a.findings <= mostFindings {
		fmt.Printf("FAIL %s: %s\n", check, fmt.Sprintf(format, args...))
	} else if a.findings == mostFindings+1 {
		fmt.Println("FAIL and more, which are not shown")
	}
}

// read reads a file below the folder, unless it is a link or anything else than a file.
func (a *audit) read(path string) ([]byte, error) {
	full := filepath.Join(a.folder, filepath.FromSlash(path))
	info, err := os.Lstat(full)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the file is missing")
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	return os.ReadFile(full)
}

// --- keys and the checkpoint ----------------------------------------------------------------------------------------

func (a *audit) readKeys() []note.Verifier {
	files, _ := os.ReadDir(filepath.Join(a.folder, "keys"))
	var keys []note.Verifier
	for _, file := range files {
		path := "keys/" + file.Name()
		if !strings.HasSuffix(path, ".vkey") {
			continue
		}
		raw, err := a.read(path)
		if err == nil {
			var key note.Verifier
			if key, err = newVerifier(strings.TrimSuffix(string(raw), "\n")); err == nil {
				keys = append(keys, key)
			}
		}
		if err != nil {
			a.fail("keys", "%s: %v", path, err)
		}
	}
	if len(keys) == 0 {
		a.fail("keys", "keys/: there is no verifier key")
	} else {
		a.ok("keys", "%d read", len(keys))
	}
	return keys
}

// newVerifier reads a verifier key of an Ed25519 signature, or of an Ed25519 cosignature, which note does not know.
func newVerifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) == 3 {
		raw, err := base64.StdEncoding.Strict().DecodeString(parts[2])
		if err == nil && len(raw) == 1+ed25519.PublicKeySize && raw[0] == cosignature {
			return newWitness(parts[0], parts[1], raw)
		}
	}
	return note.NewVerifier(vkey)
}

// A witness verifies timestamped cosignatures (signature type 0x04).
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newWitness(name, id string, raw []byte) (*witness, error) {
	sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
	if id != hex.EncodeToString(sum[:4]) {
		return nil, errors.New("the key id is not that of the key")
	}
	return &witness{name, binary.BigEndian.Uint32(sum[:4]), ed25519.PublicKey(raw[1:])}, nil
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }

func (w *witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	signed := append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at), msg...)
	return at <= math.MaxInt64 && ed25519.Verify(w.key, signed, sig[8:])
}

func (a *audit) openCheckpoint(keys []note.Verifier) (tlog.Tree, bool) {
	raw, err := a.read("checkpoint")
	if err == nil && len(raw) > mostNoteBytes {
		err = fmt.Errorf("it has %d bytes, which no checkpoint needs", len(raw))
	}
	if err != nil {
		a.fail("signatures", "checkpoint: %v", err)
		return tlog.Tree{}, false
	}
	opened, err := note.Open(raw, note.VerifierList(keys...))
	if err != nil {
		a.fail("signatures", "checkpoint: %v", err)
		return tlog.Tree{}, false
	}
	if line := looseBase64(opened); line != "" {
		a.fail("signatures", "checkpoint: the signature of %s is not in canonical base64", line)
	}
	origin, tree, err := parseCheckpoint(opened.Text)
	if err != nil {
		a.fail("checkpoint", "checkpoint: %v", err)
		return tlog.Tree{}, false
	}
	if !signedByLog(opened, keys, origin) {
		a.fail("signatures", "checkpoint: no key of the log %q itself has signed", origin)
		return tlog.Tree{}, false
	}
	a.ok("signatures", "%d hold, %d by unknown keys", len(opened.Sigs), len(opened.UnverifiedSigs))
	a.ok("checkpoint", "%s, %d entries, root %v", origin, tree.N, tree.Hash)
	return tree, true
}

// looseBase64 names a signer whose signature could be written in another way; note takes either.
func looseBase64(opened *note.Note) string {
	for _, sig := range append(opened.Sigs, opened.UnverifiedSigs...) {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return sig.Name
		}
	}
	return ""
}

func signedByLog(opened *note.Note, keys []note.Verifier, origin string) bool {
	for _, sig := range opened.Sigs {
		for _, key := range keys {
			_, cosigner := key.(*witness)
			if !cosigner && key.Name() == sig.Name && key.KeyHash() == sig.Hash && sig.Name == origin {
				return true
			}
		}
	}
	return false
}

func parseCheckpoint(text string) (string, tlog.Tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return "", tlog.Tree{}, fmt.Errorf("it has %d lines and not three: origin, size, root", len(lines)-1)
	}
	if lines[0] == "" {
		return "", tlog.Tree{}, errors.New("line 1: the origin is empty")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return "", tlog.Tree{}, fmt.Errorf("line 2: %q is not a size", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return "", tlog.Tree{}, fmt.Errorf("line 3: %q is not a root hash", lines[2])
	}
	return lines[0], tlog.Tree{N: size, Hash: tlog.Hash(root)}, nil
}

// --- the tree, rebuilt from the entries -----------------------------------------------------------------------------

// stored has the hashes of a tree in the order in which tlog numbers them.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, 0, len(indexes))
	for _, index := range indexes {
		if index >= int64(len(s)) {
			return nil, errors.New("the tree is not that large")
		}
		hashes = append(hashes, s[index])
	}
	return hashes, nil
}

// readEntries builds the tree, and tells whether it could. It stops at the first bundle that it cannot read, because
// what comes after has no place in the tree without it, and because a checkpoint may claim more than can be looked for.
func (a *audit) readEntries(size int64) bool {
	bundles := 0
	for first := int64(0); first < size; first += tileWidth {
		width := min(tileWidth, size-first)
		path := pathOf(tlog.Tile{H: tileHeight, L: -1, N: first / tileWidth, W: int(width)})
		entries, err := a.readBundle(path, int(width))
		if err != nil {
			a.fail("entries", "%s: %v", path, err)
			return false
		}
		bundles++
		for _, entry := range entries {
			hashes, err := tlog.StoredHashes(a.leaves, entry, a.hashes)
			if err != nil {
				a.fail("entries", "%s: %v", path, err)
				return false
			}
			a.hashes = append(a.hashes, hashes...)
			a.leaves++
		}
	}
	a.ok("entries", "%d in %d bundles", a.leaves, bundles)
	return true
}

// readBundle returns the entries of a bundle, which has as many as it should and nothing after them.
func (a *audit) readBundle(path string, width int) ([][]byte, error) {
	raw, err := a.read(path)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	at := 0
	for len(entries) < width {
		if len(raw)-at < 2 {
			return nil, fmt.Errorf("it ends at byte %d, before entry %d of %d", len(raw), len(entries), width)
		}
		length := int(binary.BigEndian.Uint16(raw[at:]))
		at += 2
		if len(raw)-at < length {
			return nil, fmt.Errorf("it ends at byte %d, within entry %d, which has %d bytes", len(raw), len(entries), length)
		}
		entries = append(entries, raw[at:at+length])
		at += length
	}
	if at < len(raw) {
		return nil, fmt.Errorf("it has %d bytes after its %d entries, from byte %d on", len(raw)-at, width, at)
	}
	return entries, nil
}

func (a *audit) compareRoot(tree tlog.Tree) {
	root, err := tlog.TreeHash(tree.N, a.hashes)
	switch {
	case err != nil:
		a.fail("root", "checkpoint: %v", err)
	case root != tree.Hash:
		a.fail("root", "checkpoint: the root is %v, the %d entries have %v", tree.Hash, tree.N, root)
	default:
		a.ok("root", "the entries have the root of the checkpoint")
	}
}

// --- tiles ----------------------------------------------------------------------------------------------------------

// pathOf returns where C2SP has a tile: without the height, and with the entries by their name.
func pathOf(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	if rest, isData := strings.CutPrefix(path, "data/"); isData {
		path = "entries/" + rest
	}
	return "tile/" + path
}

// parsePath is the inverse of pathOf.
func parsePath(path string) (tlog.Tile, error) {
	rest, found := strings.CutPrefix(path, "tile/")
	if !found {
		return tlog.Tile{}, errors.New("it is not below tile/")
	}
	if entries, isData := strings.CutPrefix(rest, "entries/"); isData {
		rest = "data/" + entries
	}
	tile, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", tileHeight, rest))
	if err != nil || pathOf(tile) != path {
		return tlog.Tile{}, errors.New("this is not the name of a tile")
	}
	return tile, nil
}

func (a *audit) compareTiles(size int64) {
	before := a.findings
	a.expected = map[string]bool{}
	count := 0
	for _, tile := range tlog.NewTiles(tileHeight, 0, size) {
		a.expected[pathOf(tile)] = true
		if tile.L == 0 {
			a.expected[pathOf(tlog.Tile{H: tile.H, L: -1, N: tile.N, W: tile.W})] = true
		}
		if a.compareTile(tile) {
			count++
		}
	}
	if a.findings == before {
		a.ok("tiles", "%d have the hashes of the entries", count)
	}
}

// compareTile holds a tile's file to the entries.
func (a *audit) compareTile(tile tlog.Tile) bool {
	path := pathOf(tile)
	raw, err := a.read(path)
	if err == nil && len(raw) != tile.W*tlog.HashSize {
		err = fmt.Errorf("it has %d bytes, %d hashes have %d", len(raw), tile.W, tile.W*tlog.HashSize)
	}
	if err != nil {
		a.fail("tiles", "%s: %v", path, err)
		return false
	}
	wanted, err := tlog.ReadTileData(tile, a.hashes)
	if err != nil {
		a.fail("tiles", "%s: %v", path, err)
		return false
	}
	for at := 0; at < len(raw); at += tlog.HashSize {
		if !bytes.Equal(raw[at:at+tlog.HashSize], wanted[at:at+tlog.HashSize]) {
			number := tile.N*tileWidth + int64(at/tlog.HashSize)
			a.fail("tiles", "%s: hash %d is not that of %s", path, at/tlog.HashSize, over(tile.L, number))
			return false
		}
	}
	return true
}

// over says what a hash is over: an entry, or entries from one to before another.
func over(level int, number int64) string {
	if level == 0 {
		return fmt.Sprintf("entry %d", number)
	}
	span := int64(1) << (tileHeight * level)
	return fmt.Sprintf("the entries %d to %d", number*span, (number+1)*span-1)
}

// findExtra looks for files that the log of this size does not have. Partial tiles of smaller sizes may have been
// left, and must agree with what came after.
func (a *audit) findExtra(size int64) {
	before := a.findings
	var earlier []string
	root := filepath.Join(a.folder, "tile")
	if _, err := os.Lstat(root); errors.Is(err, fs.ErrNotExist) {
		return // an empty log has none; that a larger one has is told above
	}
	err := filepath.WalkDir(root, func(full string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return nil
		}
		relative, err := filepath.Rel(a.folder, full)
		if err != nil {
			return err
		}
		if path := filepath.ToSlash(relative); !a.expected[path] {
			earlier = append(earlier, path)
		}
		return nil
	})
	if err != nil {
		a.fail("extra", "tile/: %v", err)
	}
	sort.Strings(earlier)
	for _, path := range earlier {
		if err := a.checkEarlier(path, size); err != nil {
			a.fail("extra", "%s: %v", path, err)
		}
	}
	if a.findings == before {
		a.ok("extra", "nothing beyond the size; %d partial tiles of smaller sizes", len(earlier))
	}
}

func (a *audit) checkEarlier(path string, size int64) error {
	tile, err := parsePath(path)
	if err != nil {
		return err
	}
	level := max(tile.L, 0)
	if level*tileHeight > 62 || (tile.N*tileWidth+int64(tile.W)) > size>>(tileHeight*level) {
		return fmt.Errorf("a log of %d entries does not have it", size)
	}
	if tile.L >= 0 {
		a.compareTile(tile)
		return nil
	}
	entries, err := a.readBundle(path, tile.W)
	if err != nil {
		return err
	}
	for i, entry := range entries {
		number := tile.N*tileWidth + int64(i)
		if tlog.RecordHash(entry) != a.hashes[tlog.StoredHashIndex(0, number)] {
			return fmt.Errorf("entry %d is not the log's entry %d", i, number)
		}
	}
	return nil
}
