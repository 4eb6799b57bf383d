# SPDX-License-Identifier: Apache-2.0
"""Writes /sys/class/dmi/id as the kernel would for the firmware that dmidecode printed: dmi.py FOLDER < TEXT."""
import pathlib
import re
import sys

# What drivers/firmware/dmi-id.c names, and the section and the line of dmidecode that have it.
FIELDS = {
    "bios_vendor": ("BIOS", "Vendor"), "bios_version": ("BIOS", "Version"), "bios_date": ("BIOS", "Release Date"), "bios_release": ("BIOS", "BIOS Revision"),
    "sys_vendor": ("System", "Manufacturer"), "product_name": ("System", "Product Name"), "product_version": ("System", "Version"),
    "product_serial": ("System", "Serial Number"), "product_uuid": ("System", "UUID"), "product_sku": ("System", "SKU Number"), "product_family": ("System", "Family"),
    "board_vendor": ("Base Board", "Manufacturer"), "board_name": ("Base Board", "Product Name"), "board_version": ("Base Board", "Version"),
    "board_serial": ("Base Board", "Serial Number"), "chassis_vendor": ("Chassis", "Manufacturer"), "chassis_type": ("Chassis", "Type"),
    "chassis_serial": ("Chassis", "Serial Number"), "chassis_asset_tag": ("Chassis", "Asset Tag"),
}
CHASSIS = {"Other": "1", "Desktop": "3", "Notebook": "10", "Main Server Chassis": "17"}  # DSP0134, table 17

text = sys.stdin.read()
for name, (section, line) in FIELDS.items():
    found = re.search(rf"^{section} Information\n((?:\t.*\n)*)", text, re.M)
    value = re.search(rf"^\t{line}: (.*?)\s*$", found.group(1) if found else "", re.M)
    if value and value.group(1) != "Not Specified":
        value = CHASSIS[value.group(1)] if name == "chassis_type" else value.group(1)
        pathlib.Path(sys.argv[1], name).write_text(value.lower() + "\n" if name == "product_uuid" else value + "\n")
