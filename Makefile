# Servery. `make` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help

GO      ?= go
BIN     := bin/servery
# The same without the tag of the product's build: Fyne then checks the goroutine of every
# call and reports a wrong one, on which the tests fail. The checks cost 7 % of the frames of a list that scrolls.
CHECKED := bin/servery-checked
# The same with its crash points: see engine/crashpoint.
CRASHER := bin/servery-crash
# Inference on CUDA is part of the product where NVIDIA has a driver that it binds to.
CUDATAG := $(if $(filter linux/amd64 linux/arm64,$(shell $(GO) env GOOS)/$(shell $(GO) env GOARCH)),cuda)
TAGS    := migrated_fynedo $(CUDATAG)
VERSION := $(shell sed -n 's/^Version = "\(.*\)"/\1/p' FyneApp.toml)
# Everything that does not link OpenGL: these run under the race detector too.
PURE    := ./engine/... ./resources/... ./theme/... ./views/... ./app/headless/...
# What cu needs to compile, and the stand-in for the driver that its tests load.
CUDA    := build/cuda
# By the compiler's own variables: cgo's flags would be part of the key of every cgo package, and OpenGL's
# binding, which takes minutes, would be compiled again for each. Go's cache does not look into the header: after a
# change of scripts/cuda-headers.sh, go clean -cache.
CUDAENV  = C_INCLUDE_PATH=$(CURDIR)/$(CUDA)/include LIBRARY_PATH=$(CURDIR)/$(CUDA)/lib
# What builds the product, and what must be there before.
PRODUCT  = $(if $(CUDATAG),$(CUDAENV)) $(GO)
BUILD    = $(PRODUCT) build
CUDADEPS = $(if $(CUDATAG),cuda-headers)
DRIVER  := engine/runtime/cuda/driver
NVML    := engine/runtime/cuda/nvml
# Where the stand-ins lie that tests load in place of NVIDIA's libraries.
STANDINS = SERVERY_CUDA_STANDIN=$(CURDIR)/$(CUDA)/libstandin.so SERVERY_NVML_STANDIN=$(CURDIR)/$(CUDA)/libstandin-nvml.so SERVERY_CUDA_KERNELS=$(CURDIR)/$(CUDA)/libkernels.so
# The packages with tests that need the tag and the stand-ins.
TAGGED  := ./$(DRIVER)/... ./$(NVML)/... ./engine/runtime/cuda/inventory/... ./engine/runtime/cuda/executor/ ./engine/runtime/cuda/verify/ ./engine/runtime/worker/
STANDINFLAGS := -std=c++17 -O2 -g -Wall -Wextra -fPIC -shared -fvisibility=hidden -Wl,-z,nodelete -I$(CUDA)/include -pthread
STANDIN := $(wildcard $(DRIVER)/standin/libcuda/*)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0

export LANG ?= C.UTF-8

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## install what is needed, build, open the window
	$(BIN)

.PHONY: serve
serve: build ## the same engine without a window
	$(BIN) serve

.PHONY: build
build: deps onnxruntime $(CUDADEPS) ## build bin/servery, with inference on CUDA on Linux
	$(BUILD) -tags "$(TAGS)" -o $(BIN) .

.PHONY: checked
checked: deps onnxruntime $(CUDADEPS) ## build bin/servery-checked, which reports calls of Fyne from a wrong goroutine
	$(BUILD) -tags "$(CUDATAG)" -o $(CHECKED) .

.PHONY: test
test: test-deps onnxruntime clients $(CUDADEPS) ## install what is needed, run every test
	$(PRODUCT) vet ./...
	$(GO) test -race -timeout 20m $(PURE)
	$(MAKE) cuda-test
	$(BUILD) -tags "$(CUDATAG)" -o $(CHECKED) .
	$(BUILD) -tags "$(CUDATAG) crashpoints" -o $(CRASHER) .
	SERVERY_BINARY=$(CURDIR)/$(CHECKED) SERVERY_CRASH_BINARY=$(CURDIR)/$(CRASHER) SERVERY_CLIENTS=$(CURDIR)/.clients \
	  $(STANDINS) $(PRODUCT) test -timeout 30m -count=1 . ./app/ ./app/e2e/...

.PHONY: cuda-headers
cuda-headers: ## produce the header that gorgonia.org/cu compiles against, in build/cuda
	@GO=$(GO) sh scripts/cuda-headers.sh $(CUDA)

.PHONY: cuda-standin
cuda-standin: cuda-headers $(CUDA)/libstandin.so $(CUDA)/libstandin-old.so $(CUDA)/libstandin-nvml.so

$(CUDA)/libstandin.so: $(STANDIN) $(CUDA)/include/cuda.h Makefile
	$(CXX) $(STANDINFLAGS) -o $@ $(filter %.cpp,$^)

# As a driver that lacks what makes graphs ready and what tells parameters.
$(CUDA)/libstandin-old.so: $(STANDIN) $(CUDA)/include/cuda.h Makefile
	$(CXX) $(STANDINFLAGS) -DcuGraphInstantiateWithFlags=absent_a -DcuGraphLaunch=absent_b -DcuFuncGetParamInfo=absent_c -o $@ $(filter %.cpp,$^)

$(CUDA)/libstandin-nvml.so: $(NVML)/standin/nvml.cpp Makefile | cuda-headers
	$(CXX) $(STANDINFLAGS) -o $@ $(filter %.cpp,$^)

$(CUDA)/include/cuda.h: | cuda-headers

# The kernels of package ptx's tests.
PTXTESTS := engine/runtime/cuda/ptx/testdata

.PHONY: cuda-kernels cuda-kernels-check
cuda-kernels: ## compile the device code to PTX with clang-19
	sh scripts/cuda-kernels.sh engine/runtime/cuda/kernels
	sh scripts/cuda-kernels.sh $(PTXTESTS) $(PTXTESTS)

cuda-kernels-check: test-deps ## the committed PTX is what its source gives
	sh scripts/cuda-kernels.sh $(CUDA)/kernels
	sh scripts/cuda-kernels.sh $(CUDA)/kernels/tests $(PTXTESTS)
	@for f in $(CUDA)/kernels/*.ptx; do cmp "$$f" "engine/runtime/cuda/kernels/$${f##*/}" || { echo "run make cuda-kernels"; exit 1; }; done
	@for f in $(CUDA)/kernels/tests/*.ptx; do cmp "$$f" "$(PTXTESTS)/$${f##*/}" || { echo "run make cuda-kernels"; exit 1; }; done

# The kernels that ship and those of package ptx's tests, translated from PTX for the stand-in.
PTX     := $(wildcard engine/runtime/cuda/kernels/*.ptx $(PTXTESTS)/*.ptx)
MACHINE := engine/runtime/cuda/ptx/machine
TRANSLATED := $(CUDA)/translated
MACHINEFLAGS := $(shell cat $(MACHINE)/flags) $(shell grep -qsw avx2 /proc/cpuinfo && echo -march=x86-64-v3) -I$(MACHINE) -I$(DRIVER)/standin/libcuda

.PHONY: cuda-translation
cuda-translation: $(CUDA)/libkernels.so ## translate the PTX that ships to C++ for the stand-in, and compile that

$(CUDA)/libkernels.so: $(patsubst %.ptx,$(TRANSLATED)/%.o,$(notdir $(PTX)))
	$(CXX) -shared -Wl,-z,nodelete -pthread -o $@ $^

vpath %.ptx $(sort $(dir $(PTX)))

$(TRANSLATED)/ptx2cpp: $(filter-out %_test.go,$(wildcard engine/runtime/cuda/ptx/*.go engine/runtime/cuda/ptx/ptx2cpp/*.go))
	$(GO) build -o $@ ./engine/runtime/cuda/ptx/ptx2cpp

.PRECIOUS: $(TRANSLATED)/%.cpp
$(TRANSLATED)/%.cpp: %.ptx $(TRANSLATED)/ptx2cpp
	$(TRANSLATED)/ptx2cpp -o $@ $<

$(TRANSLATED)/%.o: $(TRANSLATED)/%.cpp $(wildcard $(MACHINE)/*) $(DRIVER)/standin/libcuda/kernel.h
	$(CXX) $(MACHINEFLAGS) -c -o $@ $<

.PHONY: cuda-test
cuda-test: test-deps onnxruntime cuda-standin cuda-translation cuda-kernels-check ## what computes on NVIDIA's GPUs, under the race detector, on stand-ins for them
	$(CUDAENV) $(GO) vet -tags cuda $(TAGGED)
	$(CUDAENV) SERVERY_CUDA_STANDIN=$(CURDIR)/$(CUDA)/libstandin.so SERVERY_CUDA_STANDIN_OLD=$(CURDIR)/$(CUDA)/libstandin-old.so \
	  SERVERY_CUDA_KERNELS=$(CURDIR)/$(CUDA)/libkernels.so SERVERY_NVML_STANDIN=$(CURDIR)/$(CUDA)/libstandin-nvml.so \
	  $(GO) test -race -tags cuda -timeout 10m $(TAGGED)

GPU := build/gpu

.PHONY: gpu-program gpu-test gpu-bench
gpu-program: test-deps onnxruntime cuda-headers ## one file, build/gpu/gpu-test, that tests and times the GPU of any machine with NVIDIA's driver
	mkdir -p $(GPU)
	$(CUDAENV) $(GO) test -c -tags cuda -o $(GPU)/verify.test ./engine/runtime/cuda/verify
	cd engine/runtime/cuda/verify && SERVERY_GPU_BUNDLE=$(CURDIR)/$(GPU)/bundle.zip $(CURDIR)/$(GPU)/verify.test -test.run 'ONNXRuntime|TestModels'
	cat $(GPU)/verify.test $(GPU)/bundle.zip > $(GPU)/gpu-test
	chmod +x $(GPU)/gpu-test

gpu-test: gpu-program ## the ONNX project's cases, ONNX Runtime's answers and whole models on this machine's GPU
	$(GPU)/gpu-test -test.v

gpu-bench: gpu-program ## how long ResNet-50 and MiniLM-L6 take on this machine's GPU
	$(GPU)/gpu-test -test.run '^$$' -test.bench .

.PHONY: race
race: test-deps onnxruntime ## the race detector over everything that does not link OpenGL
	$(GO) test -race -count=1 -timeout 30m $(PURE)

.PHONY: e2e
e2e: test-deps checked crasher cuda-standin cuda-translation ## the stories on the real binary, under Xvfb, driven by xdotool and the real clients
	SERVERY_BINARY=$(CURDIR)/$(CHECKED) SERVERY_CRASH_BINARY=$(CURDIR)/$(CRASHER) \
	  $(STANDINS) $(GO) test -v -count=1 -timeout 30m ./app/e2e/...

.PHONY: crasher
crasher: deps onnxruntime $(CUDADEPS)
	$(BUILD) -tags "$(TAGS) crashpoints" -o $(CRASHER) .

.PHONY: crash
CRASHES ?= 1000
crash: crasher ## CRASHES (1000) times kill -9, at random moments and at each step of a create, an update, an import and a delete
	SERVERY_CRASH_BINARY=$(CURDIR)/$(CRASHER) CRASHES=$(CRASHES) $(GO) test -v -count=1 -timeout 120m -run CrashesLoseNothing ./app/e2e/

.PHONY: powerloss
CUTS ?= 25
powerloss: build ## CUTS (25) power cuts on a file system of its own (root; skipped elsewhere)
	SERVERY_BINARY=$(CURDIR)/$(BIN) CUTS=$(CUTS) $(GO) test -v -count=1 -timeout 60m -run PowerCuts ./app/e2e/

.PHONY: conformance
conformance: test-deps clients build ## every real client through what it offers, and the documentation's examples as printed
	SERVERY_BINARY=$(CURDIR)/$(BIN) SERVERY_CLIENTS=$(CURDIR)/.clients $(GO) test -v -count=1 -timeout 30m -run 'Conformance|ThePage|TheClientsDocument' ./app/e2e/

.PHONY: clients
clients: ## install the clients of the conformance run into .clients (PyPI, npm, Go)
	@sh scripts/get-clients.sh

.PHONY: bench
bench: test-deps clients build cuda-standin cuda-translation ## benchmarks with their ratios, then the figures of the real binary
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m ./engine/...
	SERVERY_BINARY=$(CURDIR)/$(BIN) SERVERY_CLIENTS=$(CURDIR)/.clients SERVERY_BENCH=1 $(STANDINS) $(GO) test -v -count=1 -run Figures -timeout 30m ./app/e2e/...

.PHONY: prober
PROBER_UPDATES ?= 1000
prober: test-deps build ## PROBER_UPDATES (1000) updates of every kind under load: no request may fail
	SERVERY_BINARY=$(CURDIR)/$(BIN) PROBER_UPDATES=$(PROBER_UPDATES) $(GO) test -v -count=1 -timeout 120m -run Prober ./app/e2e/

.PHONY: soak
SOAK ?= 30m
soak: test-deps build ## SOAK (30m) of mixed load with updates: memory, goroutines, files and p99 must stay flat (SOAK_BUSY=1: p99 is only told)
	SERVERY_BINARY=$(CURDIR)/$(BIN) SOAK=$(SOAK) $(GO) test -v -count=1 -timeout 0 -run Soak ./app/e2e/

.PHONY: autoscale-eval
autoscale-eval: ## the autoscaler against Knative's and Databricks' on real arrivals, with its bars
	SERVERY_EVAL=1 $(GO) test -v -count=1 -timeout 30m -run TheWholeEvaluation ./engine/autoscale

.PHONY: bench-batching
bench-batching: test-deps build ## throughput at 16 clients with requests that share runs and without
	SERVERY_BINARY=$(CURDIR)/$(BIN) SERVERY_BENCH=1 $(GO) test -v -count=1 -run FiguresOfBatching -timeout 30m ./app/e2e/

.PHONY: fuzz
FUZZTIME ?= 30s
fuzz: onnxruntime ## every fuzzer for FUZZTIME (30s) each
	@for p in $$($(GO) list ./engine/... ./app/headless/...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "== $$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
	  done; done

.PHONY: lint
lint: $(CUDADEPS) ## go vet, staticcheck, gofmt, go mod tidy
	$(PRODUCT) vet ./...
	$(if $(CUDATAG),$(PRODUCT) vet -tags cuda ./...)
	$(GO) run $(STATICCHECK) ./...
	$(if $(CUDATAG),$(PRODUCT) run $(STATICCHECK) -tags cuda ./engine/runtime/... ./app/headless)
	@test -z "$$(gofmt -l .)" || { echo "gofmt needed:"; gofmt -l .; exit 1; }
	$(GO) mod tidy -diff

.PHONY: fmt
fmt: ## format the Go code
	gofmt -w .

.PHONY: golden
golden: ## accept the pictures the view tests draw now
	SERVERY_UPDATE_GOLDEN=1 $(GO) test ./views/...

.PHONY: screenshots
screenshots: test-deps build ## every page of the real window in both themes, into docs/screenshots
	SERVERY_BINARY=$(CURDIR)/$(BIN) SERVERY_SCREENSHOTS=$(CURDIR)/docs/screenshots $(GO) test -v -count=1 -run Screenshots -timeout 20m ./app/e2e/...

.PHONY: package
package: build ## a tar.xz for this machine in dist/, ONNX Runtime included
	$(if $(CUDATAG),$(CUDAENV)) sh scripts/package.sh "$(VERSION)" "$(TAGS)"

.PHONY: onnxruntime
onnxruntime: ## fetch ONNX Runtime's library into .onnxruntime (npm), check its SHA-256
	@sh scripts/get-onnxruntime.sh

.PHONY: deps
deps: ## install the packages that building needs (Debian)
	@sh scripts/install-deps.sh build

.PHONY: test-deps
test-deps:
	@sh scripts/install-deps.sh test

.PHONY: clean
clean: ## remove what was built (not ONNX Runtime, not data)
	rm -rf bin build dist
