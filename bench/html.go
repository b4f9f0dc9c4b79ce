package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"
)

// reportHTML is the page's template. Everything is in it: no script, no style sheet
// and no image is fetched, so that a report can be kept and mailed.
//
//go:embed report.html
var reportHTML string

// page is what the template sees.
type page struct {
	Result
	Rows   []row
	When   string
	Plots  []plot
	Failed bool
	Words  string
}

// writeHTML writes the report.
func (r Result) writeHTML(w io.Writer) error {
	plots, err := r.plots()
	if err != nil {
		return fmt.Errorf("drawing the plots: %w", err)
	}
	// Parsed at each use, which is once: a template at package level could only panic.
	report, err := template.New("report").Parse(reportHTML)
	if err != nil {
		return fmt.Errorf("report.html: %w", err)
	}
	return report.Execute(w, page{
		Result: r, Rows: r.rows(), When: r.Started.UTC().Format(time.RFC3339),
		Plots: plots, Failed: r.Failed(), Words: r.Summary(),
	})
}
