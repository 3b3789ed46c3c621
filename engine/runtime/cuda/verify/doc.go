// Package verify proves, by tests only, that what a GPU computes is what ONNX says: models go
// through packages graph, plan and executor to the device code that ships, which the stand-in for
// NVIDIA's driver executes on the CPU.
//
// `make cuda-test` runs it. With the variables that the Makefile sets there, after `make
// cuda-standin cuda-translation`, one case of the ONNX project is run by
//
//	go test -tags cuda -v -run 'TestNodes/test_gather_0$' ./engine/runtime/cuda/verify
//
// and by adding /fp32, /tf32 or /fp16 in one precision. A case that is refused is skipped, with
// the reason. TestRandomShapesAgainstONNXRuntime is run in part in the same way.
//
// `make gpu-program` makes one file of the tests, ONNX Runtime's answers, the ONNX project's cases and
// the shared models, which needs NVIDIA's driver and no more: build/gpu/gpu-test tests the GPU of the
// machine it is started on, and then times ResNet-50 and MiniLM-L6 with weights of chance.
package verify
