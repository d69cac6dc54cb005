/// What this server is called, wherever it says so.
public enum Software {
    public static let name = "Swallowtail"
    public static let version = "0.1.0"
}
