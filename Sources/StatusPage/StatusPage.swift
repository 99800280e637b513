/// The static files of the status page, embedded when the program was built.
package enum StatusPage {
  /// The bytes of each file, by its name.
  package static let files: [String: [UInt8]] = [
    "index.html": PackageResources.index_html,
    "page.css": PackageResources.page_css,
    "page.js": PackageResources.page_js,
    "chinese.js": PackageResources.chinese_js,
    "charts.js": PackageResources.charts_js,
    "elements.js": PackageResources.elements_js,
    "sentences.js": PackageResources.sentences_js,
    "tables.js": PackageResources.tables_js,
    "words.js": PackageResources.words_js,
  ]
}
