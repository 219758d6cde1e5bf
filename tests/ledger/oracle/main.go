// Command oracle answers, one JSON object a line, what Go's checksum database code says:
// golang.org/x/mod/sumdb/tlog and note, the originals of the formats that Bandeau writes.
// It only ever computes; test_against_go.py asks and compares.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go build -o oracle .
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// question has the fields of all questions; octets are base64, as encoding/json has them.
type question struct {
	Ask    string   // which one
	Leaves [][]byte // tree: the hashes of leaves that are added
	Old    int64
	New    int64
	Index  int64
	Hashes [][]byte // a proof
	Was    []byte
	Root   []byte
	Leaf   []byte
	Path   string
	Level  int
	Width  int
	Vkeys  []string
	Note   []byte
	Skey   string
	Text   string
}

type answer struct {
	Ok     bool     `json:"ok"`
	Hashes [][]byte `json:"hashes,omitempty"`
	Root   []byte   `json:"root,omitempty"`
	Paths  []string `json:"paths,omitempty"`
	Tile   []int64  `json:"tile,omitempty"`
	Text   string   `json:"text,omitempty"`
	Lines  []string `json:"lines,omitempty"`
	Data   []byte   `json:"data,omitempty"`
	Why    string   `json:"why,omitempty"`
}

// stored has the hashes of the one tree that this process holds.
var stored []tlog.Hash
var size int64

func read(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, index := range indexes {
		if index >= int64(len(stored)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		hashes = append(hashes, stored[index])
	}
	return hashes, nil
}

func hash(octets []byte) (h tlog.Hash, err error) {
	if copy(h[:], octets) != len(octets) || len(octets) != tlog.HashSize {
		err = fmt.Errorf("not a hash")
	}
	return
}

func reply(q question) (a answer, err error) {
	reader := tlog.HashReaderFunc(read)
	var proof []tlog.Hash
	for _, octets := range q.Hashes {
		h, err := hash(octets)
		if err != nil {
			return a, err
		}
		proof = append(proof, h)
	}

	switch q.Ask {
	case "tree":
		for _, leaf := range q.Leaves {
			h, err := hash(leaf)
			if err != nil {
				return a, err
			}
			hashes, err := tlog.StoredHashesForRecordHash(size, h, reader)
			if err != nil {
				return a, err
			}
			stored = append(stored, hashes...)
			size++
		}
	case "root":
		h, err := tlog.TreeHash(q.New, reader)
		a.Root = h[:]
		return a, err
	case "prove record":
		p, err := tlog.ProveRecord(q.New, q.Index, reader)
		for i := range p {
			a.Hashes = append(a.Hashes, p[i][:])
		}
		return a, err
	case "prove tree":
		p, err := tlog.ProveTree(q.New, q.Old, reader)
		for i := range p {
			a.Hashes = append(a.Hashes, p[i][:])
		}
		return a, err
	case "check record":
		root, err := hash(q.Root)
		if err != nil {
			return a, err
		}
		leaf, err := hash(q.Leaf)
		if err != nil {
			return a, err
		}
		return a, tlog.CheckRecord(proof, q.New, root, q.Index, leaf)
	case "check tree":
		root, err := hash(q.Root)
		if err != nil {
			return a, err
		}
		was, err := hash(q.Was)
		if err != nil {
			return a, err
		}
		return a, tlog.CheckTree(proof, q.New, root, q.Old, was)
	case "new tiles":
		for _, tile := range tlog.NewTiles(8, q.Old, q.New) {
			a.Paths = append(a.Paths, tile.Path())
		}
	case "tile":
		a.Data, err = tlog.ReadTileData(tlog.Tile{H: 8, L: q.Level, N: q.Index, W: q.Width}, reader)
		return a, err
	case "path":
		tile, err := tlog.ParseTilePath(q.Path)
		a.Tile = []int64{int64(tile.L), tile.N, int64(tile.W)}
		return a, err
	case "checkpoint":
		// Its first line is fixed in Go; what follows is as in every checkpoint.
		tree, err := tlog.ParseTree([]byte(q.Text))
		a.Root, a.Tile = tree.Hash[:], []int64{tree.N}
		return a, err
	case "key":
		_, err = note.NewVerifier(q.Path)
		return a, err
	case "sign":
		signer, err := note.NewSigner(q.Skey)
		if err != nil {
			return a, err
		}
		a.Data, err = note.Sign(&note.Note{Text: q.Text}, signer)
		return a, err
	case "open":
		var verifiers []note.Verifier
		for _, vkey := range q.Vkeys {
			verifier, err := note.NewVerifier(vkey)
			if err != nil {
				return a, err
			}
			verifiers = append(verifiers, verifier)
		}
		opened, err := note.Open(q.Note, note.VerifierList(verifiers...))
		if err != nil {
			return a, err
		}
		a.Text = opened.Text
		for _, sig := range opened.Sigs {
			a.Lines = append(a.Lines, fmt.Sprintf("%s+%08x", sig.Name, sig.Hash))
		}
	default:
		err = fmt.Errorf("no such question")
	}
	return a, err
}

// answerTo turns a panic into a no: the library does so for sizes that make no sense.
func answerTo(q question) (a answer) {
	defer func() {
		if trouble := recover(); trouble != nil {
			a = answer{Why: fmt.Sprint("panic: ", trouble)}
		}
	}()
	a, err := reply(q)
	a.Ok = err == nil
	if err != nil {
		a.Why = err.Error()
	}
	return a
}

func main() {
	in := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for {
		var q question
		if in.Decode(&q) != nil {
			return
		}
		if encoder.Encode(answerTo(q)) != nil || out.Flush() != nil {
			return
		}
	}
}
