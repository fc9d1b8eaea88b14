# A stand-in has no functions.
