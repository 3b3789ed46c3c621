package onnx

import "bytes"

// sniffLength is how much of a file's beginning sniff wants to see.
const sniffLength = 64

// lookalikes are the files that people take for ONNX models, by their first bytes.
var lookalikes = []struct {
	offset  int
	magic   string
	message string
}{
	{0, "version https://git-lfs", "it is a Git LFS pointer, not the model itself; fetch the model with git lfs pull"},
	{0, "PK\x03\x04", "it is a zip archive (perhaps a PyTorch model); export the model to ONNX with torch.onnx.export"},
	{0, "\x80\x02", "it is a Python pickle (perhaps a PyTorch or scikit-learn model); export the model to ONNX"},
	{0, "\x80\x03", "it is a Python pickle; export the model to ONNX"},
	{0, "\x80\x04\x95", "it is a Python pickle; export the model to ONNX"},
	{0, "\x80\x05\x95", "it is a Python pickle; export the model to ONNX"},
	{0, "\x89HDF\r\n", "it is an HDF5 file (perhaps a Keras model); convert the model to ONNX with tf2onnx"},
	{0, "GGUF", "it is a GGUF model; this program serves ONNX models"},
	{4, "TFL3", "it is a TensorFlow Lite model; convert the model to ONNX with tf2onnx"},
	{4, "ORTM", "it is in the ORT format; use the .onnx file that it was made from"},
	{0, "\x1f\x8b", "it is compressed with gzip; unpack it first"},
	{0, "<!DOCTYPE", "it is a web page, not a model; download the file itself"},
	{0, "<html", "it is a web page, not a model; download the file itself"},
}

// sniff names a file of another kind, for which protobuf's complaints would say nothing.
func sniff(head []byte) error {
	for _, l := range lookalikes {
		if len(head) < l.offset+len(l.magic) || !bytes.HasPrefix(head[l.offset:], []byte(l.magic)) {
			continue
		}
		// A name of four bytes or more at byte 4 of an ONNX file has its length at byte 3;
		// a flatbuffer begins with a small little-endian offset.
		if l.offset == 0 || head[3] == 0 {
			return &FormatError{Offset: -1, Message: l.message}
		}
	}
	return nil
}
