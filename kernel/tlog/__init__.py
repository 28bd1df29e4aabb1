"""A transparency log as C2SP specifies it: signed notes, checkpoints, tiles, trees and proofs, without any I/O."""
