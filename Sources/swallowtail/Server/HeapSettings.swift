import Foundation

/// How the C library's heap behaves.
enum HeapSettings {
    /// Large buffers come from the heap, and their memory stays in it for the next ones.
    ///
    /// A stanza of 64 KiB is in two or three buffers of 128 KiB on its way. Unless told otherwise the GNU library asks the
    /// kernel for each of them and gives it back, and every page has to be mapped and cleared; that costs more than all
    /// that the server itself does with the stanza.
    static func apply() {
        // The library has it, its Swift module does not; others do not have it.
        guard let symbol = dlsym(nil, "mallopt") else { return }
        let mallopt = unsafeBitCast(symbol, to: (@convention(c) (Int32, Int32) -> Int32).self)
        _ = mallopt(mmapThreshold, 4_194_304)
        _ = mallopt(trimThreshold, 8_388_608)
    }

    private static let trimThreshold: Int32 = -1
    private static let mmapThreshold: Int32 = -3
}
