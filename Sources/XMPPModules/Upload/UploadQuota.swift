import XMPPServer

/// How much the files of an account may take, where that is not what the host allows everybody.
struct UploadQuota: Sendable {
    static let storeName = "upload-quota"

    let bytes: Int
}

extension UploadQuota: StoredValue {
    init?(stored element: Element) {
        guard element.isNamed("quota", UploadedFile.namespace), let bytes = element["bytes"].flatMap({ Int($0) })
        else { return nil }
        self.init(bytes: bytes)
    }

    func write(to writer: inout XMLWriter) {
        writer.element("quota", UploadedFile.namespace, ["bytes": "\(bytes)"])
    }
}
