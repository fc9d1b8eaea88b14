# A stand-in: the module's name, without resources.
class concat {
}
