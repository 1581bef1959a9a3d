//go:build !purego

#include "textflag.h"
#include "go_asm.h"

// func fnv1a(p []byte) uint64
TEXT ·fnv1a(SB), NOSPLIT, $0-32
	MOVQ p_base+0(FP), SI
	MOVQ p_len+8(FP), CX
	MOVQ $const_fnvOffset, AX
	MOVQ $const_fnvPrime, DX
	TESTQ CX, CX
	JZ   done

loop:
	MOVBQZX (SI), BX
	XORQ    BX, AX
	IMULQ   DX, AX
	INCQ    SI
	DECQ    CX
	JNZ     loop

done:
	MOVQ AX, ret+24(FP)
	RET
