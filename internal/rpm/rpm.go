package rpm

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
)

// RPM is one opened package. It holds all that it says and no reader; several
// goroutines may use it at once.
type RPM struct {
	name, version, release, arch, summary string
	epoch                                 string // "" for none
	source, noSource                      bool

	relations  map[RelationKind][]Relation
	scripts    []Script
	files      []File
	digestAlgo uint64
	header     header
}

// Open reads the package that r holds in size bytes, all of it, since digests
// bind its parts: each digest and size that the two headers state must be right
// (of the header sha256 and sha1, of the payload sha256, of both md5), and at
// least one must cover the header and one the payload. All that accessors return
// is checked: see the package's doc.
func Open(r io.ReaderAt, size int64) (*RPM, error) {
	p := new(RPM)
	if err := p.open(io.NewSectionReader(r, 0, size), size); err != nil {
		return nil, fmt.Errorf("rpm: %w", err)
	}
	return p, nil
}

const leadSize = 96

func (p *RPM) open(in io.Reader, left int64) error {
	var lead [leadSize]byte
	if n, err := io.ReadFull(in, lead[:]); err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	} else if n < leadSize || string(lead[:4]) != "\xed\xab\xee\xdb" {
		return errors.New("not an rpm")
	}
	// What else the lead says, the header says better; rpm looks at no more of it either.
	if major, form := lead[4], int(lead[78])<<8|int(lead[79]); major < 3 || major > 4 || form != 5 {
		return fmt.Errorf("lead: version %d with signatures of type %d: want 3 or 4 with 5", major, form)
	}
	left -= leadSize
	sig, n, err := readHeader(in, left, signatureBounds, io.Discard)
	if err != nil {
		return err
	}
	pad := -n & 7
	if _, err := io.CopyN(io.Discard, in, pad); err == io.EOF {
		return errors.New("signature header: cut off")
	} else if err != nil {
		return err
	}
	left -= n + pad
	sums, err := newSums(sig)
	if err != nil {
		return fmt.Errorf("signature header: %w", err)
	}
	if p.header, n, err = readHeader(in, left, headerBounds, sums.header()); err != nil {
		return err
	}
	if err := sums.checkHeader(); err != nil {
		return err
	}
	if err := sums.checkPayload(p.header, in, left, left-n); err != nil {
		return err
	}
	return p.parse()
}

// sum is a digest that is stated and the one that comes out.
type sum struct {
	hash.Hash
	want string // bytes; "" where none is stated
}

func (s sum) check(what string) error {
	if got := s.Sum(nil); s.want != "" && string(got) != s.want {
		return fmt.Errorf("%s is %x, but %x is stated", what, got, s.want)
	}
	return nil
}

// sums are what the signature header states.
type sums struct {
	sha256, sha1 sum // of the header
	md5          sum // of header and payload
	size         int64
}

func newSums(sig header) (*sums, error) {
	r := &reader{header: sig}
	s := &sums{sha256: sum{sha256.New(), ""}, sha1: sum{sha1.New(), ""}, md5: sum{md5.New(), ""}, size: -1}
	for t, to := range map[tag]*sum{tagSigSHA256: &s.sha256, tagSigSHA1: &s.sha1} {
		if r.has(t) {
			to.want = hexDigest(r, t, r.text(t), to.Size())
		}
	}
	if v, ok := sig[tagSigMD5]; ok {
		if to := &s.md5; v.kind != kindBin || v.count != to.Size() {
			r.fail(tagSigMD5, "want a digest of %d bytes", to.Size())
		}
		s.md5.want = v.data
	}
	for _, t := range []tag{tagSigSize, tagSigLongSize} {
		if n := r.number(t); r.has(t) {
			s.size = int64(min(n, 1<<62))
		}
	}
	if r.err == nil && s.sha256.want == "" && s.sha1.want == "" && s.md5.want == "" {
		r.err = errors.New("no digest of the header")
	}
	return s, r.err
}

// hexDigest returns the bytes of a digest of size bytes.
func hexDigest(r *reader, t tag, s string, size int) string {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != size {
		r.fail(t, "%q: want a digest of %d bytes", short(s), size)
		return ""
	}
	return string(b)
}

// header returns what the header's bytes go to. A digest that is not stated is
// not computed.
func (s *sums) header() io.Writer {
	var all []io.Writer
	for _, to := range []sum{s.sha256, s.sha1, s.md5} {
		if to.want != "" {
			all = append(all, to)
		}
	}
	return io.MultiWriter(all...)
}

func (s *sums) checkHeader() error {
	return errors.Join(s.sha256.check("header: its sha256"), s.sha1.check("header: its sha1"))
}

// checkPayload reads the payload of size bytes; with the header it has both.
func (s *sums) checkPayload(h header, in io.Reader, both, size int64) error {
	if s.size >= 0 && s.size != both {
		return fmt.Errorf("header and payload have %d bytes, but %d are stated", both, s.size)
	}
	payload := sum{sha256.New(), ""}
	r := &reader{header: h}
	if stated := r.texts(tagPayloadDigest); r.has(tagPayloadDigest) {
		if algo := r.number(tagPayloadAlgo); algo != algoSHA256 || len(stated) != 1 {
			r.fail(tagPayloadDigest, "%d digests with algorithm %d: want one of sha256 (%d)", len(stated), algo, algoSHA256)
		} else {
			payload.want = hexDigest(r, tagPayloadDigest, stated[0], payload.Size())
		}
	}
	if r.err != nil {
		return fmt.Errorf("header: %w", r.err)
	}
	var to []io.Writer
	for _, one := range []sum{payload, s.md5} {
		if one.want != "" {
			to = append(to, one)
		}
	}
	if len(to) == 0 {
		return errors.New("header: no digest of the payload")
	}
	n, err := io.CopyBuffer(io.MultiWriter(to...), in, make([]byte, 64<<10))
	if err != nil {
		return fmt.Errorf("payload: %w", err)
	}
	if n != size {
		return fmt.Errorf("payload: %d bytes, but %d should be there", n, size)
	}
	return errors.Join(payload.check("payload: its sha256"), s.md5.check("header and payload: their md5"))
}

// parse turns tags into what the accessors return.
func (p *RPM) parse() error {
	r := &reader{header: p.header}
	p.name, p.version, p.release, p.arch = r.text(tagName), r.text(tagVersion), r.text(tagRelease), r.text(tagArch)
	p.summary = r.text(tagSummary)
	if r.has(tagEpoch) {
		p.epoch = strconv.FormatUint(uint64(r.flags(1, tagEpoch)[0]), 10)
	}
	p.source = !r.has(tagSourceRPM) // as rpm's headerIsSource
	p.noSource = r.has(tagNoSource) || r.has(tagNoPatch)
	if r.err == nil {
		r.err = errors.Join(
			checkName("name", p.name, nameOthers), checkName("version", p.version, versionOthers),
			checkName("release", p.release, versionOthers), checkName("architecture", p.arch, archOthers),
		)
	}
	p.readRelations(r)
	p.readScripts(r)
	p.readFiles(r)
	if r.err != nil {
		return fmt.Errorf("header: %w", r.err)
	}
	return nil
}

// Name returns the package's name, which like version, release and architecture is safe as
// a part of a file name.
func (p *RPM) Name() string { return p.name }

// Epoch returns the epoch as a decimal number, "" for none.
func (p *RPM) Epoch() string { return p.epoch }

// Version returns the version without epoch and release.
func (p *RPM) Version() string { return p.version }

// Release returns the release.
func (p *RPM) Release() string { return p.release }

// EVR returns [EPOCH:]VERSION-RELEASE.
func (p *RPM) EVR() string {
	evr := p.version + "-" + p.release
	if p.epoch != "" {
		evr = p.epoch + ":" + evr
	}
	return evr
}

// Arch returns the architecture that the package is for ("x86_64", "noarch"), of a source
// package the one that made it.
func (p *RPM) Arch() string { return p.arch }

// IsSource reports whether it is a source package.
func (p *RPM) IsSource() bool { return p.source }

// FileName returns NAME-VERSION-RELEASE.ARCH.rpm, ARCH being src or nosrc for a
// source package. The epoch is not in it.
func (p *RPM) FileName() string {
	arch := p.arch
	switch {
	case p.source && p.noSource:
		arch = "nosrc"
	case p.source:
		arch = "src"
	}
	return p.name + "-" + p.version + "-" + p.release + "." + arch + ".rpm"
}

// Summary returns the summary, in the language that the package has first.
func (p *RPM) Summary() string { return p.summary }

// Relations returns the relations of a kind in the header's order.
func (p *RPM) Relations(k RelationKind) []Relation { return slices.Clone(p.relations[k]) }

// Scripts returns the scripts and triggers: pretrans, pre, post, preun, postun,
// posttrans, verifyscript, then triggers, file triggers and transaction file triggers in the header's order.
func (p *RPM) Scripts() []Script { return slices.Clone(p.scripts) }

// Files returns what the package owns, sorted by path.
func (p *RPM) Files() []File { return slices.Clone(p.files) }
