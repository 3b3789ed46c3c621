package kernels

// Op is an instruction of an element-wise program, or the activation of a product: source/operation.h
// says what each does.
type Op = uint8

// The instructions. Those with Of or From take the operand first: OpDivInto is operand / accumulator.
const (
	OpLoad  Op = 0
	OpStore Op = 1

	OpNeg        Op = 10
	OpAbs        Op = 11
	OpSign       Op = 12
	OpSqrt       Op = 13
	OpExp        Op = 14
	OpLog        Op = 15
	OpReciprocal Op = 16
	OpFloor      Op = 17
	OpCeil       Op = 18
	OpRound      Op = 19
	OpErf        Op = 20
	OpSin        Op = 21
	OpCos        Op = 22
	OpTan        Op = 23
	OpAsin       Op = 24
	OpAcos       Op = 25
	OpAtan       Op = 26
	OpSinh       Op = 27
	OpCosh       Op = 28
	OpAsinh      Op = 29
	OpAcosh      Op = 30
	OpAtanh      Op = 31
	OpTanh       Op = 32
	OpSigmoid    Op = 33
	OpRelu       Op = 34
	OpSoftplus   Op = 35
	OpSoftsign   Op = 36
	OpMish       Op = 37
	OpGelu       Op = 38
	OpGeluTanh   Op = 39
	OpSilu       Op = 40
	OpHardSwish  Op = 41
	OpIsNaN      Op = 42
	OpNot        Op = 43
	OpBitNot     Op = 44
	OpTruncate   Op = 45

	OpHardSigmoid     Op = 60
	OpLeakyRelu       Op = 61
	OpElu             Op = 62
	OpSelu            Op = 63
	OpCelu            Op = 64
	OpThresholdedRelu Op = 65
	OpShrink          Op = 66
	OpClip            Op = 67
	OpIsInf           Op = 68
	OpAffine          Op = 69

	OpAdd            Op = 80
	OpSub            Op = 81
	OpSubFrom        Op = 82
	OpMul            Op = 83
	OpDiv            Op = 84
	OpDivInto        Op = 85
	OpPow            Op = 86
	OpPowOf          Op = 87
	OpMod            Op = 88
	OpModOf          Op = 89
	OpFmod           Op = 90
	OpFmodOf         Op = 91
	OpMax            Op = 92
	OpMin            Op = 93
	OpPRelu          Op = 94
	OpPReluOf        Op = 95
	OpAnd            Op = 96
	OpOr             Op = 97
	OpXor            Op = 98
	OpEqual          Op = 99
	OpGreater        Op = 100
	OpGreaterOrEqual Op = 101
	OpLess           Op = 102
	OpLessOrEqual    Op = 103
	OpBitAnd         Op = 104
	OpBitOr          Op = 105
	OpBitXor         Op = 106
	OpShiftLeft      Op = 107
	OpShiftLeftOf    Op = 108
	OpShiftRight     Op = 109
	OpShiftRightOf   Op = 110

	OpWhere Op = 120
)
