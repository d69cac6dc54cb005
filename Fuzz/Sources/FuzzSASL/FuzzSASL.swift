/// The entry of libFuzzer, which brings its own `main`.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    // Stops the program, so that libFuzzer keeps the bytes.
    if let complaint = SASLCheck.complaint(bytes) { fatalError(complaint) }
    return 0
}
