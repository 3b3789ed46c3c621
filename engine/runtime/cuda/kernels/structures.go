package kernels

// Pointer is the address of device memory, which whoever launches the kernel fills in.
type Pointer uint64

// Limits of the structures' arrays.
const (
	MapDims, MapInputs, MapCode = 6, 8, 32
	BatchDims                   = 3
	MoveDims                    = 8
	IndexDims                   = 6
	ReduceDims                  = 5
)

// Sources of an instruction's operand.
const (
	FromNone, FromInput, FromConstant, FromRegister = 0, 1, 2, 3
)

// Instruction is a step of an element-wise program. Source says where the operand is from, Index
// which input or register; of OpWhere the upper four bits of Index are the condition's register.
// Wide is 0, or 1 and more where A is the whole number Map.Wide[Wide-1] instead and B Map.Wide[1].
type Instruction struct {
	Op, Source, Index, Wide uint8
	A, B                    float32
}

// Map is an element-wise program over N output elements.
type Map struct {
	Out          Pointer
	In           [MapInputs]Pointer
	Wide         [2]int64
	N            uint32
	Dims, Length int32
	Size         [MapDims]Divisor
	Stride       [MapInputs][MapDims]int32
	Type         [MapInputs]uint8
	OutType      uint8
	_            [3]uint8
	Code         [MapCode]Instruction
}

// Product is a matrix product or a convolution: see source/product.h.
type Product struct {
	A, B, Bias, Residual                             Pointer
	D, Partial                                       Pointer
	M, N, K                                          int32
	Splits, SplitK                                   int32
	ARow, AColumn, BRow, BColumn                     int32
	DRow                                             int32
	BiasRow, BiasColumn, ResidualRow, ResidualColumn int32
	Batches                                          int32
	Batch                                            [BatchDims]Divisor
	ABatch, BBatch, DBatch, BiasBatch, ResidualBatch [BatchDims]int32
	Alpha, ActivationA, ActivationB                  float32
	Activation                                       int32
	Pixels, Width, Window, WindowWidth               Divisor
	BImage, BChannel, DImage, ResidualImage          int32
	HeightIn, WidthIn, StrideH, StrideW              int32
	PadH, PadW, DilationH, DilationW                 int32
}

// Move copies N elements between walks over the same dimensions.
type Move struct {
	Out, In             Pointer
	InAt, OutAt         int64
	N                   uint32
	Dims                int32
	Size                [MoveDims]Divisor
	InStride, OutStride [MoveDims]int64
}

// Modes of a Pad.
const (
	PadConstant, PadReflect, PadEdge, PadWrap = 0, 1, 2, 3
)

// Pad extends an array on all sides.
type Pad struct {
	Out, In, Value Pointer
	N              uint32
	Dims, Mode     int32
	_              int32
	Size           [MoveDims]Divisor
	Begin, InSize  [MoveDims]int32
	InStride       [MoveDims]int64
}

// Triangle keeps the upper or lower triangle of matrices.
type Triangle struct {
	Out, In       Pointer
	N             uint32
	Upper         int32
	K             int64
	Rows, Columns Divisor
}

// Fault is where a kernel leaves the number of its launch, from 1, when an index is out of range.
type Fault struct {
	Word   Pointer
	Launch int32
	_      int32
}

// Gather is Gather of [outer, Axis, Inner] by Count indices.
type Gather struct {
	Out, Data, Indices Pointer
	Fault              Fault
	N                  int64
	Axis, Count, Inner int64
	Wide, _            int32
}

// GatherElements is ONNX's operator of that name.
type GatherElements struct {
	Out, Data, Indices Pointer
	Fault              Fault
	N                  uint32
	Dims, Axis, Wide   int32
	Size               [IndexDims]Divisor
	Stride             [IndexDims]int64
	Length             int64
}

// Tuples is GatherND, or with Operation and Type ScatterND, whose updates are Data.
type Tuples struct {
	Out, Data, Indices              Pointer
	Fault                           Fault
	N, Inner, PerBatch, BatchStride int64
	Depth, Operation, Type, _       int32
	Length, Stride                  [IndexDims]int64
}

// ScatterElements is ONNX's operator of that name.
type ScatterElements struct {
	Out, Indices, Updates             Pointer
	Fault                             Fault
	N                                 uint32
	Dims, Axis, Wide, Operation, Type int32
	Size                              [IndexDims]Divisor
	Stride                            [IndexDims]int64
	Length                            int64
}

// Reductions of a scatter.
const (
	ScatterReplace, ScatterAdd, ScatterMul, ScatterMax, ScatterMin = 0, 1, 2, 3, 4
)

// OneHot is ONNX's operator of that name over [outer, Depth, Inner].
type OneHot struct {
	Out, Indices, Values Pointer
	N, Depth, Inner      int64
	IndexType, Type      int32
}

// TopK is ONNX's operator of that name over [outer, Axis, Inner]; Lines is outer * Inner.
type TopK struct {
	Values, Indices, Data Pointer
	Lines, Axis, Inner, K int64
	Largest, Type         int32
}

// Operations of a Reduce.
const (
	ReduceSum = iota
	ReduceMean
	ReduceMax
	ReduceMin
	ReduceProd
	ReduceL1
	ReduceL2
	ReduceSumSquare
	ReduceLogSum
	ReduceLogSumExp
)

// Reduce makes each of Outputs elements of N.
type Reduce struct {
	Out, In                   Pointer
	Outputs, N                uint32
	Kept, Reduced             int32
	KeptSize, ReducedSize     [ReduceDims]Divisor
	KeptStride, ReducedStride [ReduceDims]int32
	Operation                 int32
	Type                      uint8
	_                         [3]uint8
}

// Operations of Lines.
const (
	ArgMax, ArgMin                    = 0, 1
	RunningExclusive, RunningReversed = 1, 2
	Softmax, LogSoftmax, Hardmax      = 0, 1, 2
)

// Lines is what works along the axis of [outer, Axis, Inner]; Lines is outer * Inner.
type Lines struct {
	Out, In            Pointer
	Lines, Axis, Inner int64
	Operation, Last    int32
	Type               uint8
	_                  [7]uint8
}

// Normalize brings rows of Size elements to mean 0 and deviation 1.
type Normalize struct {
	Out, Mean, Deviation    Pointer
	In, Scale, Bias         Pointer
	Lines, Size             int64
	Rows, Each              Divisor
	RowStep, RootMeanSquare int32
	Epsilon                 float32
	_                       int32
}

// Modes of a pool.
const (
	PoolMax, PoolMean, PoolNorm = 0, 1, 2
)

// Window is a pool, or a convolution that is no product.
type Window struct {
	Out, Data, Weights, Bias                   Pointer
	N                                          int64
	ChannelsIn, ChannelsOut, GroupIn, GroupOut int32
	In, OutSize, Kernel, Stride, Pad, Dilation [3]int32
	Mode, P                                    int32
	CountPadding                               int32
	End                                        [3]int32
	// Activation is what a convolution does with each sum, an Op; 0 is nothing.
	Activation               int32
	ActivationA, ActivationB float32
	_                        int32
}

// Response is local response normalisation.
type Response struct {
	Out, In            Pointer
	N, Channels, Inner int64
	Before, Behind     int32
	Alpha, Beta, Bias  float32
	_                  int32
}

// Resize is a resampling by tables.
type Resize struct {
	Out, In               Pointer
	Index, Weight         [3]Pointer
	N                     int64
	InSize, OutSize, Taps [3]int32
	_                     int32
}

// Recurrent is a time step of LSTM, GRU or RNN.
type Recurrent struct {
	Gates, Weights, Bias, Peephole            Pointer
	HiddenIn, CellIn, HiddenOut, CellOut, Out Pointer
	Lengths                                   Pointer
	Batch, Hidden, Step, LinearBeforeReset    int32
	GatesStride, OutStride, InputForget, _    int32
	Function                                  [3]int32
	Alpha, Beta                               [3]float32
	Clip                                      float32
}
