// Verifiers of the ledger that are not ours: golang.org/x/mod/sumdb/note and tlog, as Debian ships them. Reads cases from
// standard input, a line of JSON each, and answers each with a line: true where it holds.
package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type testCase struct {
	Kind    string   // checkpoint, inclusion, consistency, folder
	Note    string   // checkpoint, folder
	Keys    []string // checkpoint: all must have signed
	Leaf    []byte   // inclusion
	Index   int64
	Size    int64
	Root    []byte
	Path    [][]byte
	OldSize int64 // consistency
	OldRoot []byte
	Folder  string
}

// witness is a key that cosigns (C2SP tlog-cosignature), for Go's note package.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w witness) Name() string    { return w.name }
func (w witness) KeyHash() uint32 { return w.hash }
func (w witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	text := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(w.key, []byte(text), sig[8:])
}

func verifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) == 3 {
		key, err := base64.StdEncoding.DecodeString(parts[2])
		if err == nil && len(key) == 33 && key[0] == 4 {
			sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
			hash := binary.BigEndian.Uint32(sum[:])
			if fmt.Sprintf("%08x", hash) != parts[1] {
				return nil, fmt.Errorf("the key's hash does not belong to it")
			}
			return witness{parts[0], hash, key[1:]}, nil
		}
	}
	return note.NewVerifier(vkey)
}

func checkpoint(text string, keys []string) (*tlog.Tree, error) {
	var verifiers []note.Verifier
	for _, key := range keys {
		v, err := verifier(key)
		if err != nil {
			return nil, err
		}
		verifiers = append(verifiers, v)
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifiers...))
	if err != nil {
		return nil, err
	}
	if len(opened.Sigs) != len(keys) {
		return nil, fmt.Errorf("%d of %d signed", len(opened.Sigs), len(keys))
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifiers[0].Name() {
		return nil, fmt.Errorf("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] {
		return nil, fmt.Errorf("no size")
	}
	root, err := tlog.ParseHash(lines[2])
	return &tlog.Tree{N: size, Hash: root}, err
}

// tiles reads C2SP tiles for Go, whose paths name the height.
type tiles struct{ folder string }

func (tiles) Height() int                        { return 8 }
func (tiles) SaveTiles([]tlog.Tile, [][]byte)    {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var read [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.folder, path))
		if err != nil {
			full := tile
			full.W = 256
			data, err = os.ReadFile(filepath.Join(t.folder, strings.Replace(full.Path(), "tile/8/", "tile/", 1)))
			if err != nil {
				return nil, err
			}
			data = data[:tile.W*tlog.HashSize]
		}
		read = append(read, data)
	}
	return read, nil
}

func entries(folder string, size int64) ([][]byte, error) {
	var leaves [][]byte
	for n := int64(0); n*256 < size; n++ {
		width := size - n*256
		path := tlog.Tile{H: 8, L: 0, N: n, W: 256}.Path()
		path = filepath.Join(folder, strings.Replace(path, "tile/8/0/", "tile/entries/", 1))
		data, err := os.ReadFile(path)
		if err != nil && width < 256 {
			data, err = os.ReadFile(fmt.Sprintf("%s.p/%d", path, width))
		}
		if err != nil {
			return nil, err
		}
		for len(data) >= 2 && int64(len(leaves)) < size {
			length := int(binary.BigEndian.Uint16(data))
			if len(data) < 2+length {
				return nil, fmt.Errorf("an entry is cut short")
			}
			leaves = append(leaves, data[2:2+length])
			data = data[2+length:]
		}
	}
	if int64(len(leaves)) != size {
		return nil, fmt.Errorf("%d entries for %d leaves", len(leaves), size)
	}
	return leaves, nil
}

// folder checks every leaf of a published log, through its tiles, against its checkpoint.
func folder(c testCase) error {
	tree, err := checkpoint(c.Note, c.Keys)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(*tree, tiles{c.Folder})
	leaves, err := entries(c.Folder, tree.N)
	if err != nil {
		return err
	}
	for at, leaf := range leaves {
		proof, err := tlog.ProveRecord(tree.N, int64(at), reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, int64(at), tlog.RecordHash(leaf)); err != nil {
			return err
		}
	}
	return nil
}

func hash(data []byte) (h tlog.Hash) {
	if len(data) != tlog.HashSize {
		panic("no hash")
	}
	copy(h[:], data)
	return h
}

func hashes(path [][]byte) (list []tlog.Hash) {
	for _, data := range path {
		list = append(list, hash(data))
	}
	return list
}

func check(c testCase) error {
	switch c.Kind {
	case "checkpoint":
		_, err := checkpoint(c.Note, c.Keys)
		return err
	case "inclusion":
		return tlog.CheckRecord(hashes(c.Path), c.Size, hash(c.Root), c.Index, tlog.RecordHash(c.Leaf))
	case "consistency":
		return tlog.CheckTree(hashes(c.Path), c.Size, hash(c.Root), c.OldSize, hash(c.OldRoot))
	case "folder":
		return folder(c)
	}
	return fmt.Errorf("unknown kind")
}

func main() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<24)
	for input.Scan() {
		var c testCase
		if err := json.Unmarshal(input.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		err := check(c)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		fmt.Println(err == nil)
	}
}
