package resources

import _ "embed"

//go:embed samples/digits.onnx
var digitsModel []byte

//go:embed samples/digits.json
var digitsExample []byte

//go:embed samples/iris.onnx
var irisModel []byte

//go:embed samples/iris.json
var irisExample []byte

// Sample is a small model that comes with the program, for a first endpoint without a
// model of one's own.
type Sample struct {
	Name        string // "digits"
	Title       string
	Description string
	File        string // the file name to import it under
	Licence     string
	ModelName   string // catalog.schema.model proposed for it
	Data        []byte // the ONNX file
	Example     []byte // a scoring request in JSON
}

// Samples gives the models that come with the program. Their sources and licences are in
// samples/LICENCES.md.
func Samples() []Sample {
	return []Sample{
		{
			Name:        "digits",
			Title:       "Handwritten digits",
			Description: "A convolutional network that reads a digit from a picture of 28 × 28 pixels.",
			File:        "digits.onnx",
			Licence:     "MIT, Copyright (c) Microsoft Corporation",
			ModelName:   "samples.vision.digits",
			Data:        digitsModel,
			Example:     digitsExample,
		},
		{
			Name:        "iris",
			Title:       "Iris",
			Description: "A random forest that tells three iris species apart by four measurements in centimetres.",
			File:        "iris.onnx",
			Licence:     "MIT, Copyright (c) Nathan Otterness",
			ModelName:   "samples.tabular.iris",
			Data:        irisModel,
			Example:     irisExample,
		},
	}
}
