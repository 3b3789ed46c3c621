//go:build cuda && linux && (amd64 || arm64)

package driver

import "gorgonia.org/cu"

// Devices lists the devices that the driver shows, after Load. CUDA_VISIBLE_DEVICES hides some
// and orders the rest.
func Devices() ([]Info, error) {
	n, err := cu.NumDevices()
	if err != nil {
		return nil, failed("cuDeviceGetCount", err, "")
	}
	devices := make([]Info, 0, n)
	for i := range n {
		info, err := device(i)
		if err != nil {
			return nil, err
		}
		devices = append(devices, info)
	}
	return devices, nil
}

func device(index int) (Info, error) {
	d, err := cu.GetDevice(index)
	if err != nil {
		return Info{}, failed("cuDeviceGet", err, "device %d", index)
	}
	info := Info{Index: index, Driver: Version(cu.Version())}
	if info.Name, err = d.Name(); err != nil {
		return Info{}, failed("cuDeviceGetName", err, "device %d", index)
	}
	id, err := d.UUID()
	if err != nil {
		return Info{}, failed("cuDeviceGetUuid", err, "device %d", index)
	}
	info.UUID = "GPU-" + id.String()
	if info.Memory, err = d.TotalMem(); err != nil {
		return Info{}, failed("cuDeviceTotalMem", err, "device %d", index)
	}
	var major, minor int
	for _, a := range []struct {
		to   *int
		from cu.DeviceAttribute
	}{
		{&major, cu.ComputeCapabilityMajor},
		{&minor, cu.ComputeCapabilityMinor},
		{&info.Processors, cu.MultiprocessorCount},
		{&info.SharedBytes, maxSharedPerBlock},
	} {
		if *a.to, err = d.Attribute(a.from); err != nil {
			return Info{}, failed("cuDeviceGetAttribute", err, "device %d, attribute %d", index, a.from)
		}
	}
	info.Capability = 10*major + minor
	return info, nil
}

// maxSharedPerBlock is CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, which cu lacks.
const maxSharedPerBlock cu.DeviceAttribute = 97
