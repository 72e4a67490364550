"""Files of plain or named arrays: NumPy and MATLAB."""
