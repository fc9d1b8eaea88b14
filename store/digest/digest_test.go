package digest

import (
	"encoding/json"
	"strings"
	"testing"
)

// The sha256 of "hello\n" and of nothing, as sha256sum prints them.
const (
	helloHex = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
	emptyHex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func TestDigest(t *testing.T) {
	d := Of([]byte("hello\n"))
	if got, want := d.String(), "sha256:"+helloHex; got != want {
		t.Errorf("String() = %s, want %s", got, want)
	}
	if d.Hex() != helloHex || d.Short() != "sha256:5891b5b522d5" {
		t.Errorf("Hex() = %s, Short() = %s", d.Hex(), d.Short())
	}
	for _, parsed := range []func() (Digest, error){
		func() (Digest, error) { return Parse("sha256:" + helloHex) },
		func() (Digest, error) { return ParseHex(helloHex) },
	} {
		if got, err := parsed(); got != d || err != nil {
			t.Errorf("parsed %s, %v", got, err)
		}
	}
	if d.IsZero() || !(Digest{}).IsZero() {
		t.Error("IsZero")
	}
}

func TestKey(t *testing.T) {
	k := KeyOf([]byte("hello\n"))
	if k.String() != "sha256:"+helloHex || k.Hex() != helloHex || k.Short() != "sha256:5891b5b522d5" {
		t.Errorf("%s, %s, %s", k, k.Hex(), k.Short())
	}
	if k.Text() != Of([]byte("hello\n")) {
		t.Errorf("Text() = %s: not the digest of the text", k.Text())
	}
	if got, err := ParseKey(k.String()); got != k || err != nil {
		t.Errorf("parsed %s, %v", got, err)
	}
	if k.IsZero() || !(Key{}).IsZero() {
		t.Error("IsZero")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{
		"", "sha256:", helloHex, "sha256:" + helloHex[1:], "sha256:" + helloHex + "0", "sha256:" + strings.ToUpper(helloHex),
		"sha256:" + helloHex[:63] + "g", "SHA256:" + helloHex, "sha512:" + helloHex + helloHex, "sha256:" + helloHex + "\n",
		" sha256:" + helloHex, "sha256:sha256:" + helloHex[7:],
	} {
		d, err := Parse(s)
		want := "digest " + quoted(s) + ": want sha256: and 64 lower case hexadecimal digits"
		if err == nil || err.Error() != want || !d.IsZero() {
			t.Errorf("Parse(%q) = %s, %v", s, d, err)
		}
		if k, err := ParseKey(s); err == nil || !k.IsZero() {
			t.Errorf("ParseKey(%q) = %s, %v", s, k, err)
		}
	}
	if _, err := ParseHex("sha256:" + helloHex); err == nil {
		t.Error("ParseHex took a prefix")
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // as %q for these strings
	return string(b)
}

func TestJSON(t *testing.T) {
	type doc struct {
		D Digest `json:"d"`
		K Key    `json:"k"`
		Z Digest `json:"z,omitzero"`
	}
	want := doc{D: Of(nil), K: KeyOf(nil)}
	b, err := json.Marshal(want)
	if text := `{"d":"sha256:` + emptyHex + `","k":"sha256:` + emptyHex + `"}`; err != nil || string(b) != text {
		t.Errorf("marshalled %s, %v", b, err)
	}
	var got doc
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Errorf("unmarshalled %+v, %v", got, err)
	}
	for _, field := range []string{"d", "k"} {
		if err := json.Unmarshal([]byte(`{"`+field+`":"sha256:00"}`), &got); err == nil {
			t.Errorf("field %s took a short digest", field)
		}
	}
}

func TestHasher(t *testing.T) {
	h := NewHasher()
	if h.Digest().Hex() != emptyHex || h.Size() != 0 {
		t.Errorf("empty: %s, %d", h.Digest(), h.Size())
	}
	for _, part := range []string{"hel", "", "lo\n"} {
		if n, err := h.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("Write(%q) = %d, %v", part, n, err)
		}
		h.Digest() // looking does not change it
	}
	if h.Digest().Hex() != helloHex || h.Size() != 6 {
		t.Errorf("%s, %d", h.Digest(), h.Size())
	}
}

func FuzzParse(f *testing.F) {
	f.Add("sha256:" + helloHex)
	f.Add("sha256:" + strings.ToUpper(emptyHex))
	f.Add("sha512:" + helloHex)
	f.Fuzz(func(t *testing.T, s string) {
		d, err := Parse(s)
		if err == nil && d.String() != s {
			t.Errorf("parsed %q, printed %q", s, d)
		}
		if k, kerr := ParseKey(s); (err == nil) != (kerr == nil) || Digest(k) != d {
			t.Errorf("Parse(%q) = %s, %v but ParseKey = %s, %v", s, d, err, k, kerr)
		}
		if again, err := ParseHex(d.Hex()); err != nil || again != d {
			t.Errorf("ParseHex(%s) = %s, %v", d.Hex(), again, err)
		}
	})
}
