import Foundation

/// Settings of the C library's heap.
enum HeapSettings {
    /// Allocates large buffers from the heap, and keeps their memory for the next ones.
    ///
    /// A stanza of 64 KiB is in two or three buffers of 128 KiB on its way. By default the GNU library maps each of
    /// them anew, and every page has to be faulted in and cleared, which costs more than everything the server does
    /// with the stanza.
    static func apply() {
        // The GNU library has it, but not its Swift module; other libraries do not have it.
        guard let symbol = dlsym(nil, "mallopt") else { return }
        let mallopt = unsafeBitCast(symbol, to: (@convention(c) (Int32, Int32) -> Int32).self)
        _ = mallopt(mmapThreshold, 4_194_304)
        _ = mallopt(trimThreshold, 8_388_608)
    }

    private static let trimThreshold: Int32 = -1
    private static let mmapThreshold: Int32 = -3
}
