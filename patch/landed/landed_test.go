package landed_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"ringside/patch"
	"ringside/patch/landed"
	"ringside/patch/read"
)

// before and after are a driver in two versions; much later it looks otherwise again.
const before = `#include <linux/frob.h>

static int frob_probe(struct device *dev)
{
	struct frob *frob = dev_get_drvdata(dev);

	if (!frob)
		return -ENODEV;
	frob_reset_hardware(frob);
	return frob_register(frob);
}

static void frob_remove(struct device *dev)
{
	frob_unregister(dev_get_drvdata(dev));
}
`

const add = `Subject: [PATCH] frob: hold a reference to the regulator

--- a/drivers/frob.c
+++ b/drivers/frob.c
@@ -6,5 +6,12 @@ static int frob_probe(struct device *dev)
 
 	if (!frob)
 		return -ENODEV;
+	frob->regulator_supply = devm_regulator_get_optional(dev, "frob-supply");
+	if (IS_ERR(frob->regulator_supply))
+		return dev_err_probe(dev, PTR_ERR(frob->regulator_supply), "no supply\n");
+	if (regulator_enable(frob->regulator_supply))
+		dev_warn(dev, "the regulator could not be enabled, going on without\n");
+	frob->has_regulator_supply = true;
+
 	frob_reset_hardware(frob);
 	return frob_register(frob);
`

const replace = `Subject: [PATCH] frob: use the helper for supplies

--- a/drivers/frob.c
+++ b/drivers/frob.c
@@ -8,10 +8,6 @@ static int frob_probe(struct device *dev)
 		return -ENODEV;
-	frob->regulator_supply = devm_regulator_get_optional(dev, "frob-supply");
-	if (IS_ERR(frob->regulator_supply))
-		return dev_err_probe(dev, PTR_ERR(frob->regulator_supply), "no supply\n");
-	if (regulator_enable(frob->regulator_supply))
-		dev_warn(dev, "the regulator could not be enabled, going on without\n");
-	frob->has_regulator_supply = true;
+	frob_acquire_all_supplies_with_the_helper(frob, frob_supply_names, ARRAY_SIZE(frob_supply_names));
+	frob_warn_about_supplies_that_are_not_there(frob);
 
 	frob_reset_hardware(frob);
 	return frob_register(frob);
`

const unrelated = `Subject: [PATCH] frob: something else

--- a/drivers/frob.c
+++ b/drivers/frob.c
@@ -14,3 +14,4 @@ static void frob_remove(struct device *dev)
 {
+	frob_stop_everything_that_is_running_in_the_background(dev_get_drvdata(dev));
 	frob_unregister(dev_get_drvdata(dev));
 }
`

const blanks = `Subject: [PATCH] frob: indent

--- a/drivers/frob.c
+++ b/drivers/frob.c
@@ -9,3 +9,3 @@ static int frob_probe(struct device *dev)
 		return -ENODEV;
-	    frob_reset_hardware(frob);
+	frob_reset_hardware(frob);
 	return frob_register(frob);
`

const rename = `Subject: [PATCH] frob: move

diff --git a/drivers/frob.c b/drivers/frob/core.c
similarity index 100%
rename from drivers/frob.c
rename to drivers/frob/core.c
`

func apply(text string, edits ...string) string {
	for i := 0; i+1 < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			panic("the edit finds nothing: " + edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	return text
}

const supplies = "\tfrob->regulator_supply = devm_regulator_get_optional(dev, \"frob-supply\");\n\tif (IS_ERR(frob->regulator_supply))\n\t\treturn dev_err_probe(dev, PTR_ERR(frob->regulator_supply), \"no supply\\n\");\n\tif (regulator_enable(frob->regulator_supply))\n\t\tdev_warn(dev, \"the regulator could not be enabled, going on without\\n\");\n\tfrob->has_regulator_supply = true;\n\n"

func TestStack(t *testing.T) {
	with := apply(before, "\tfrob_reset_hardware", supplies+"\tfrob_reset_hardware")
	helper := apply(before, "\tfrob_reset_hardware", "\tfrob_acquire_all_supplies_with_the_helper(frob, frob_supply_names, ARRAY_SIZE(frob_supply_names));\n\tfrob_warn_about_supplies_that_are_not_there(frob);\n\n\tfrob_reset_hardware")
	for _, tt := range []struct {
		name  string
		tree  map[string]string
		stack []string
		want  []landed.State
	}{
		{"as before", map[string]string{"drivers/frob.c": before}, []string{add}, []landed.State{landed.Absent}},
		{"as after", map[string]string{"drivers/frob.c": with}, []string{add}, []landed.State{landed.Present}},
		{"changed since", map[string]string{"drivers/frob.c": apply(with, "\tif (!frob)\n\t\treturn -ENODEV;\n", "\tif (WARN_ON(!frob))\n\t\treturn -EINVAL;\n\tguard(mutex)(&frob->lock);\n", "\tfrob->has_regulator_supply = true;\n", "\tfrob_set_up_more_of_it(frob);\n\tfrob->has_regulator_supply = true;\n", "frob_reset_hardware(frob);", "frob_reset_all_hardware(frob);")}, []string{add}, []landed.State{landed.Present}},
		{"taken out by a later one that landed", map[string]string{"drivers/frob.c": helper}, []string{add, replace}, []landed.State{landed.Present, landed.Present}},
		{"the first of two", map[string]string{"drivers/frob.c": with}, []string{add, replace}, []landed.State{landed.Present, landed.Absent}},
		{"neither of two", map[string]string{"drivers/frob.c": before}, []string{add, replace}, []landed.State{landed.Absent, landed.Absent}},
		{"another", map[string]string{"drivers/frob.c": with}, []string{add, unrelated}, []landed.State{landed.Present, landed.Absent}},
		{"moved", map[string]string{"drivers/frob/frob.c": with}, []string{add}, []landed.State{landed.Present}},
		{"no such file", map[string]string{"drivers/other.c": with}, []string{add}, []landed.State{landed.Unknown}},
		{"blanks as after", map[string]string{"drivers/frob.c": before}, []string{blanks}, []landed.State{landed.Present}},
		{"blanks as before", map[string]string{"drivers/frob.c": apply(before, "\tfrob_reset_hardware", "\t    frob_reset_hardware")}, []string{blanks}, []landed.State{landed.Absent}},
		{"not renamed", map[string]string{"drivers/frob.c": before}, []string{rename}, []landed.State{landed.Absent}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for name, text := range tt.tree {
				tree[name] = &fstest.MapFile{Data: []byte(text)}
			}
			var patches []*patch.Patch
			for i, text := range tt.stack {
				st := read.Text(fmt.Sprintf("%d.patch", i), text, read.Options{})
				if len(st.Patches) != 1 || len(st.Patches[0].Problems) > 0 {
					t.Fatalf("%+v", st)
				}
				patches = append(patches, st.Patches[0])
			}
			got, err := landed.New(tree).Stack(patches)
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if got[i].State != tt.want[i] {
					t.Errorf("patch %d is %s, not %s: %q", i, got[i].State, tt.want[i], got[i].Evidence)
				}
				if len(got[i].Evidence) == 0 {
					t.Errorf("patch %d: no evidence", i)
				}
			}
		})
	}
}
