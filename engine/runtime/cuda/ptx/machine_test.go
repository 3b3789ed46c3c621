package ptx

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// launch is a kernel to execute. Parameters are values of fixed size, or a pointer into a buffer.
type launch struct {
	text        string // the PTX
	kernel      string
	grid, block [3]uint32
	shared      uint32
	races       bool
	buffers     [][]byte
	params      []any
}

// pointer is the address of a byte of a buffer.
type pointer struct {
	buffer uint32
	offset uint64
}

// texts are the modules of all tests: each file of them adds its own. They are compiled once.
var texts []string

// machine is the program of testdata/alone.cpp with the translations of all texts.
type machine struct {
	sync.Mutex
	in     io.WriteCloser
	out    io.Reader
	said   *os.File // what it has written to stderr, up to read
	read   int64
	pid    int
	failed error
}

var theMachine = sync.OnceValue(func() *machine {
	m := &machine{}
	m.failed = m.start()
	return m
})

var folder string

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "ptx"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

func (m *machine) start() error {
	var code bytes.Buffer
	for _, text := range texts {
		parsed, err := Parse([]byte(text))
		if err == nil {
			err = parsed.Translate(&code)
		}
		if err != nil {
			return err
		}
	}
	source := filepath.Join(folder, "kernels.cpp")
	if err := os.WriteFile(source, code.Bytes(), 0o600); err != nil {
		return err
	}
	// Go runs a test anew where a file that it has read has changed; the compiler's reading is not seen.
	for _, pattern := range []string{"machine/*.h", "../driver/standin/libcuda/kernel.h", "testdata/*.cpp"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			if _, err := os.ReadFile(file); err != nil {
				return err
			}
		}
	}
	flags, err := os.ReadFile("machine/flags")
	if err != nil {
		return err
	}
	args := strings.Fields(string(flags))
	if cpu, _ := os.ReadFile("/proc/cpuinfo"); bytes.Contains(cpu, []byte(" avx2 ")) {
		args = append(args, "-march=x86-64-v3")
	}
	program := filepath.Join(folder, "alone")
	args = append(args, "-Werror", "-Imachine", "-I../driver/standin/libcuda", "-o", program, "testdata/alone.cpp", source)
	if out, err := exec.Command("g++", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("g++: %w\n%s", err, out)
	}
	if m.said, err = os.Create(filepath.Join(folder, "said")); err != nil {
		return err
	}
	cmd := exec.Command(program)
	cmd.Stderr = m.said
	if m.in, err = cmd.StdinPipe(); err != nil {
		return err
	}
	if m.out, err = cmd.StdoutPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	m.pid = cmd.Process.Pid
	return nil
}

// seconds is how long processors have worked for the program.
func (m *machine) seconds(t testing.TB) float64 {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')'):]))
	user, _ := strconv.Atoi(fields[12])
	system, _ := strconv.Atoi(fields[13])
	return float64(user+system) / 100 // USER_HZ
}

// run executes l, whose buffers it changes, and gives the CUresult and what was said on stderr.
func run(t testing.TB, l launch) (code int, said string) {
	t.Helper()
	m := theMachine()
	m.Lock()
	defer m.Unlock()
	if m.failed != nil {
		t.Fatal(m.failed)
	}
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(digest([]byte(l.text)), uint32(len(l.kernel)), []byte(l.kernel), l.grid, l.block, l.shared)
	put(map[bool]uint32{true: 1}[l.races], uint32(len(l.buffers)))
	for _, x := range l.buffers {
		put(uint64(len(x)), x)
	}
	put(uint32(len(l.params)))
	for _, p := range l.params {
		switch p := p.(type) {
		case pointer:
			put(uint32(8), uint64(0), uint32(1), uint32(0), p.buffer, p.offset)
		case structure:
			put(uint32(binary.Size(p)), p, uint32(len(p.Pointers)))
			for i := range p.Pointers {
				put(uint32(8*i), uint32(i), uint64(0))
			}
		default:
			put(uint32(binary.Size(p)), p, uint32(0))
		}
	}
	if _, err := m.in.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	var result int32
	if err := binary.Read(m.out, binary.LittleEndian, &result); err != nil {
		t.Fatalf("%s ended the program: %v", l.kernel, err)
	}
	for _, x := range l.buffers {
		if _, err := io.ReadFull(m.out, x); err != nil {
			t.Fatal(err)
		}
	}
	all, err := os.ReadFile(m.said.Name())
	if err != nil {
		t.Fatal(err)
	}
	said = string(all[m.read:])
	m.read = int64(len(all))
	return int(result), said
}
