/// The files of the status page that are the same everywhere, as they were when the program was built.
package enum StatusPage {
  /// File name and bytes of each.
  package static let files: [String: [UInt8]] = [
    "index.html": PackageResources.index_html,
    "page.css": PackageResources.page_css,
    "page.js": PackageResources.page_js,
    "charts.js": PackageResources.charts_js,
    "words.js": PackageResources.words_js,
  ]
}
