package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const proofSuffix = ".tlog-proof"

// checkProofs holds every proof of a folder (C2SP tlog-proof) to the entry beside it, `<name>.json`, and to the keys of
// the log and of witnesses; it tells whether all hold, and there was one.
func checkProofs(folder string, vkeys []string) bool {
	audit := &audit{folder: folder}
	var keys []note.Verifier
	for _, text := range vkeys {
		key, err := newVerifier(text)
		if err != nil {
			audit.fail("keys", "%s: %v", text, err)
			return false
		}
		keys = append(keys, key)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		audit.fail("proofs", "%v", err)
		return false
	}
	held := 0
	for _, file := range files {
		name := file.Name()
		if !strings.HasSuffix(name, proofSuffix) {
			continue
		}
		if err := audit.checkProof(name, keys); err != nil {
			audit.fail("proofs", "%s: %v", name, err)
		} else {
			held++
		}
	}
	if held == 0 && audit.findings == 0 {
		audit.fail("proofs", "%s: there is none", filepath.Base(folder))
	}
	if audit.findings == 0 {
		audit.ok("proofs", "%d hold", held)
	}
	return audit.findings == 0
}

func (a *audit) checkProof(name string, keys []note.Verifier) error {
	raw, err := a.read(name)
	if err != nil {
		return err
	}
	entry, err := a.read(strings.TrimSuffix(name, proofSuffix) + ".json")
	if err != nil {
		return err
	}
	head, checkpoint, found := bytes.Cut(raw, []byte("\n\n"))
	if !found {
		return errors.New("it has no checkpoint")
	}
	index, hashes, err := parseProof(strings.Split(string(head), "\n"))
	if err != nil {
		return err
	}
	opened, err := note.Open(checkpoint, note.VerifierList(keys...))
	if err != nil {
		return err
	}
	origin, tree, err := parseCheckpoint(opened.Text)
	if err != nil {
		return err
	}
	if !signedByLog(opened, keys, origin) {
		return fmt.Errorf("no key of the log %q itself has signed", origin)
	}
	return tlog.CheckRecord(hashes, tree.N, tree.Hash, index, tlog.RecordHash(entry))
}

// parseProof reads the lines before a proof's checkpoint.
func parseProof(lines []string) (int64, tlog.RecordProof, error) {
	if len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return 0, nil, errors.New("it is no proof")
	}
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 {
		return 0, nil, errors.New("it has no index")
	}
	text, found := strings.CutPrefix(lines[0], "index ")
	index, err := strconv.ParseInt(text, 10, 64)
	if !found || err != nil || index < 0 || strconv.FormatInt(index, 10) != text {
		return 0, nil, errors.New("it has no index")
	}
	var hashes tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(hash) != tlog.HashSize {
			return 0, nil, fmt.Errorf("%q is no hash", line)
		}
		hashes = append(hashes, tlog.Hash(hash))
	}
	return index, hashes, nil
}
