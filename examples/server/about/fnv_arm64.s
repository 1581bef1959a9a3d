//go:build !purego

#include "textflag.h"
#include "go_asm.h"

// func fnv1a(p []byte) uint64
TEXT ·fnv1a(SB), NOSPLIT, $0-32
	MOVD p_base+0(FP), R0
	MOVD p_len+8(FP), R1
	MOVD $const_fnvOffset, R2
	MOVD $const_fnvPrime, R3
	CBZ  R1, done

loop:
	MOVBU.P 1(R0), R4
	EOR     R4, R2
	MUL     R3, R2
	SUBS    $1, R1
	BNE     loop

done:
	MOVD R2, ret+24(FP)
	RET
